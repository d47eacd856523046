package gpu

import "testing"

func TestNoGPUHasAReason(t *testing.T) {
	r, err := List()
	if err != nil {
		t.Fatal(err)
	}
	if (len(r.GPUs) == 0) != (r.Reason != "") {
		t.Errorf("%d GPUs, and the reason for none is %q", len(r.GPUs), r.Reason)
	}
	for _, g := range r.GPUs {
		if g.Name == "" || g.Total <= 0 || g.Used < 0 || g.Used > g.Total || g.Capability == "" || r.Driver == "" || r.CUDA == "" {
			t.Errorf("driver %q, CUDA %q: %+v", r.Driver, r.CUDA, g)
		}
	}
	t.Logf("%+v", r)
}
