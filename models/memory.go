package models

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// AvailableMemory returns the bytes that this process may still take without
// swapping: what the machine has, or less where a control group (a container, a
// systemd unit) sets a limit. It reads Linux' files; elsewhere it is an error.
func AvailableMemory() (int64, error) { return available(os.DirFS("/")) }

func available(root fs.FS) (int64, error) {
	info, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("ask for the free memory: %w", err)
	}
	kib, ok := field(string(info), "MemAvailable:")
	if !ok {
		return 0, errors.New("ask for the free memory: /proc/meminfo has no MemAvailable")
	}
	return min(kib<<10, leftInGroups(root)), nil
}

// hierarchy is where one version of control groups keeps its numbers.
type hierarchy struct {
	mount, limit, used, cache string
}

var (
	groupsV1 = hierarchy{"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
	groupsV2 = hierarchy{"sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"}
)

// leftInGroups returns what the tightest of the groups around this process
// leaves; MaxInt64 without a limit.
func leftInGroups(root fs.FS) int64 {
	left := int64(math.MaxInt64)
	groups, _ := fs.ReadFile(root, "proc/self/cgroup") // without the file there are no groups
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // id:controllers:path
		if len(parts) != 3 {
			continue
		}
		if parts[1] == "" {
			left = min(left, groupsV2.left(root, parts[2]))
		}
		if parts[1] == "memory" {
			left = min(left, groupsV1.left(root, parts[2]))
		}
	}
	return left
}

// left looks at the group and at all above it. In a container the path may be
// the host's; then only the mount's own files are there.
func (h hierarchy) left(root fs.FS, group string) int64 {
	left := int64(math.MaxInt64)
	for dir := path.Clean("/" + group); ; dir = path.Dir(dir) {
		left = min(left, h.leftIn(root, path.Join(h.mount, dir)))
		if dir == "/" {
			return left
		}
	}
}

// leftIn reads one group. Its page cache gives way when memory is needed.
func (h hierarchy) leftIn(root fs.FS, dir string) int64 {
	limit, ok1 := number(root, path.Join(dir, h.limit))
	used, ok2 := number(root, path.Join(dir, h.used))
	if !ok1 || !ok2 { // no such group, or "max": no limit
		return math.MaxInt64
	}
	stat, _ := fs.ReadFile(root, path.Join(dir, "memory.stat"))
	cache, _ := field(string(stat), h.cache+" ")
	return max(limit-used+cache, 0)
}

func number(root fs.FS, name string) (int64, bool) {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil
}

// field returns the number after a line's first word.
func field(text, name string) (int64, bool) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
