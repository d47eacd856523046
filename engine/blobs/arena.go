package blobs

import (
	"math/bits"
	"syscall"
)

const (
	// Freed bytes wait for the next blob, so that it needn't fault fresh pages: so
	// many, and an eighth of what is given out. What is beyond goes back to the system.
	keep  = 4 << 20
	share = 8
	// smallest is a region's least size, so that small blobs share few classes.
	smallest = 64 << 10
)

// arena hands out memory outside of Go's heap: the collector neither scans it
// nor paces itself by it.
type arena struct {
	free map[int][][]byte // by the size of the regions
	kept int              // bytes in free
	used int              // bytes given out
}

// take returns n bytes of any content; its capacity is the whole region.
func (a *arena) take(n int) ([]byte, error) {
	size := class(n)
	if list := a.free[size]; len(list) > 0 {
		a.free[size] = list[:len(list)-1]
		a.kept -= size
		a.used += size
		return list[len(list)-1][:n], nil
	}
	region, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, err
	}
	a.used += size
	return region[:n], nil
}

// give takes back what take returned, whatever its length now.
func (a *arena) give(b []byte) {
	size := cap(b)
	a.used -= size
	if a.kept+size > keep+a.used/share {
		unmap(b)
		return
	}
	if a.free == nil {
		a.free = map[int][][]byte{}
	}
	a.free[size] = append(a.free[size], b)
	a.kept += size
}

// close returns the free regions to the system.
func (a *arena) close() {
	for size, list := range a.free {
		for _, b := range list {
			unmap(b)
		}
		delete(a.free, size)
	}
	a.kept = 0
}

func unmap(b []byte) {
	if err := syscall.Munmap(b[:cap(b)]); err != nil {
		panic(err) // not a region of ours
	}
}

// class rounds up to four sizes between one power of two and the next: at most a
// quarter of a region is unused, and that part of it is never touched.
func class(n int) int {
	n = max(n, smallest)
	step := 1 << max(bits.Len(uint(n-1))-3, 12)
	return (n + step - 1) / step * step
}
