package models

import (
	"testing"
	"testing/fstest"
)

// machine makes a file system of these files, with 8 GiB available.
func machine(files map[string]string) fstest.MapFS {
	root := fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: 16777216 kB\nMemAvailable:    8388608 kB\n")}}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

func TestAvailableMemory(t *testing.T) {
	for _, c := range []struct {
		rule  string
		files map[string]string
		want  int64
	}{
		{"without groups the machine's is ours", nil, 8 << 30},
		{"a group of version 2 limits", map[string]string{
			"proc/self/cgroup":         "0::/\n",
			"sys/fs/cgroup/memory.max": "1073741824\n", "sys/fs/cgroup/memory.current": "536870912\n",
		}, 512 << 20},
		{"a group's page cache gives way", map[string]string{
			"proc/self/cgroup":         "0::/\n",
			"sys/fs/cgroup/memory.max": "1073741824\n", "sys/fs/cgroup/memory.current": "536870912\n",
			"sys/fs/cgroup/memory.stat": "anon 1\nactive_file 5\ninactive_file 268435456\n",
		}, 768 << 20},
		{"a group without a limit doesn't", map[string]string{
			"proc/self/cgroup":         "0::/\n",
			"sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.current": "536870912\n",
		}, 8 << 30},
		{"a group above limits too", map[string]string{
			"proc/self/cgroup":               "0::/a/b\n",
			"sys/fs/cgroup/a/memory.max":     "1073741824\n",
			"sys/fs/cgroup/a/memory.current": "0\n",
			"sys/fs/cgroup/a/b/memory.max":   "max\n",
		}, 1 << 30},
		{"a group of version 1 limits", map[string]string{
			"proc/self/cgroup": "5:cpu:/x\n4:memory:/x\n",
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "2147483648\n",
			"sys/fs/cgroup/memory/x/memory.usage_in_bytes": "1073741824\n",
			"sys/fs/cgroup/memory/x/memory.stat":           "inactive_file 7\ntotal_inactive_file 1048576\n",
		}, 1025 << 20},
		{"in a container the path may be the host's", map[string]string{
			"proc/self/cgroup":                           "4:memory:/docker/abc\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "2147483648\n",
			"sys/fs/cgroup/memory/memory.usage_in_bytes": "0\n",
		}, 2 << 30},
		{"a group that is over its limit leaves nothing", map[string]string{
			"proc/self/cgroup":         "0::/\n",
			"sys/fs/cgroup/memory.max": "10\n", "sys/fs/cgroup/memory.current": "20\n",
		}, 0},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got, err := available(machine(c.files)); err != nil || got != c.want {
				t.Errorf("got %d, %v; want %d", got, err, c.want)
			}
		})
	}
}

func TestAvailableMemoryIsUnknownWithoutMeminfo(t *testing.T) {
	if n, err := available(fstest.MapFS{}); err == nil {
		t.Errorf("got %d bytes from nowhere", n)
	}
	if n, err := available(fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal: 1 kB\n")}}); err == nil {
		t.Errorf("got %d bytes without MemAvailable", n)
	}
}
