package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/moltbot/moltbot/models/gguf"
	"github.com/moltbot/moltbot/models/store"
)

func checkConfig(_ context.Context, pt *patient) finding {
	if pt.cfgErr != nil {
		problems := strings.ReplaceAll(pt.cfgErr.Error(), "\n", "; ")
		return fail("mend the configuration; the checks below use the defaults", "%s", problems)
	}
	return ok("valid")
}

// checkModel looks for the file, reads its header, and compares the SHA-256 of known ones.
func checkModel(ctx context.Context, pt *patient) finding {
	name := string(pt.cfg.Model.PathOrName)
	path, err := store.Resolve(name, string(pt.cfg.DataDir))
	if missing, ok := errors.AsType[*store.MissingError](err); ok {
		return warn("moltbot models pull "+missing.Spec.Name, "%s is not fetched yet; the first start does it", name)
	}
	if err != nil {
		return fail("name a model with --model", "%v", err)
	}
	file, err := gguf.Check(path)
	if err != nil {
		return fail(mendFile(name, "--model"), "%v", err)
	}
	if spec, known := store.Lookup(name); known {
		if err := store.Verify(ctx, path, spec.SHA256); err != nil {
			return fail(mendFile(name, "--model"), "%v", err)
		}
	}
	return ok("%s: %s, %s, trained for %d tokens, %s", path, file.Arch, file.Format, file.Context, megabytes(file.Weights))
}

// checkMemory compares what the model and its context take with what is free.
func checkMemory(_ context.Context, pt *patient) finding {
	if pt.free < 0 {
		return warn("", "this system does not tell how much memory is free")
	}
	path, err := store.Resolve(string(pt.cfg.Model.PathOrName), string(pt.cfg.DataDir))
	if err != nil {
		return warn("look again when the model is there", "%s are free", megabytes(pt.free))
	}
	file, err := gguf.Check(path)
	if err != nil {
		return warn("look again when the model is sound", "%s are free", megabytes(pt.free))
	}
	draft, err := pt.draft()
	if err != nil {
		return warn("look again when the draft model is there", "%s are free", megabytes(pt.free))
	}
	p := newPlanWith(draft, pt.cfg.Model, file, pt.free)
	if p.fits(pt.free) != nil {
		return fail("try a smaller --ctx or a smaller model", "%s needed for %d tokens of context, %s free", megabytes(p.total()), p.KVCells, megabytes(pt.free))
	}
	return ok("%s needed for %d tokens of context, %s free", megabytes(p.total()), p.KVCells, megabytes(pt.free))
}

// checkDisk asks whether the data folder can be written and can hold the model.
func checkDisk(_ context.Context, pt *patient) finding {
	dir, err := nearestFolder(string(pt.cfg.DataDir))
	if err != nil {
		return fail("choose another folder with --data", "%v", err)
	}
	if unix.Access(dir, unix.W_OK) != nil {
		return fail("choose another folder with --data", "%s can't be written", dir)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fail("choose another folder with --data", "%s: %v", dir, err)
	}
	return roomFor(pt, int64(st.Bavail)*int64(st.Bsize))
}

// roomFor judges the free bytes of the data folder by what is still to be fetched.
func roomFor(pt *patient, free int64) finding {
	_, err := store.Resolve(string(pt.cfg.Model.PathOrName), string(pt.cfg.DataDir))
	if missing, ok := errors.AsType[*store.MissingError](err); ok {
		need := 2 * missing.Spec.Size // the file, and what it is unpacked from
		if free < need {
			return fail("free some space, or choose another folder with --data", "%s free in %s, %s takes %s while it is fetched", megabytes(free), pt.cfg.DataDir, missing.Spec.Name, megabytes(need))
		}
	}
	return ok("%s free in %s", megabytes(free), pt.cfg.DataDir)
}

// nearestFolder returns the folder, or the one above it that will hold it once it is made.
func nearestFolder(dir string) (string, error) {
	for {
		var st unix.Stat_t
		err := unix.Stat(dir, &st)
		switch {
		case err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR:
			return dir, nil
		case err == nil:
			return "", fmt.Errorf("%s is not a folder", dir)
		case !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir):
			return "", fmt.Errorf("%s: %w", dir, err)
		}
		dir = filepath.Dir(dir)
	}
}

func checkPort(ctx context.Context, pt *patient) finding {
	address := pt.cfg.Server.Listen
	l, err := listen(ctx, address)
	if err == nil {
		return after(l.Close(), ok("%s is free", address))
	}
	if isMoltbot(ctx, "http://"+reachable(string(address))) {
		return ok("a moltbot answers at %s", address)
	}
	return fail("choose another with --listen", "%v", err)
}

// after is f, unless cleaning up failed.
func after(err error, f finding) finding {
	if err != nil {
		return fail("", "%v", err)
	}
	return f
}
