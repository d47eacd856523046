package llama

/*
#include <stdlib.h>
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"path/filepath"
	"sync"
	"unsafe"
)

// RPCPlugin is the file of ggml's RPC plug-in, beside the folder of the
// libraries, so that nobody loads it who doesn't ask for it.
const RPCPlugin = "../rpc/libggml-rpc.so"

var servers struct {
	sync.Mutex
	added map[string]bool
}

// AddRPC makes the devices of a ggml RPC server ("host:port") devices of this
// process, for the models that are loaded from then on. Ask the server first
// whether it is there: ggml ends the process where it isn't, and where it goes
// away later. A second call for the same server does nothing.
func AddRPC(endpoint string) error {
	if err := Init(); err != nil {
		return err
	}
	servers.Lock()
	defer servers.Unlock()
	if servers.added[endpoint] {
		return nil
	}
	if err := loadRPC(); err != nil {
		return err
	}
	at := C.CString(endpoint)
	defer C.free(unsafe.Pointer(at))
	if !C.mb_rpc_add(at) {
		return fmt.Errorf("llama: RPC server %s has no device to compute on", endpoint)
	}
	if servers.added == nil {
		servers.added = map[string]bool{}
	}
	servers.added[endpoint] = true
	return nil
}

// loadRPC loads the plug-in when it isn't there yet.
func loadRPC() error {
	name := C.CString("RPC")
	defer C.free(unsafe.Pointer(name))
	if C.ggml_backend_reg_by_name(name) != nil {
		return nil
	}
	dir, err := LibraryDir()
	if err != nil {
		return err
	}
	file := filepath.Join(dir, RPCPlugin)
	path := C.CString(file)
	defer C.free(unsafe.Pointer(path))
	var reg C.ggml_backend_reg_t
	lines := nativeLog.catch(func() { reg = C.ggml_backend_load(path) })
	if reg == nil {
		return fmt.Errorf("llama: RPC plug-in %s, which `make native` builds: %w", file, &nativeError{lines})
	}
	return nil
}
