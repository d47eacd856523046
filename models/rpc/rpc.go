// Package rpc asks a server of ggml's RPC back-end what it is and has.
//
// Owns: the few messages that are needed for that.
// Must not import: anything of Moltbot.
// Flow: Ask connects, says hello and returns the devices, before ggml itself
// connects: ggml ends the process where a server is missing or speaks another
// version, and Ask returns an error.
//
// Source of the protocol: ggml/src/ggml-rpc/ggml-rpc.cpp of the pinned llama.cpp;
// all numbers are little-endian.
package rpc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Version of the protocol that the pinned plug-in speaks (ggml-rpc.h).
const major, minor = 7, 0

// Commands (enum rpc_cmd).
const (
	cmdMemory  = 11
	cmdHello   = 14
	cmdDevices = 15
)

const (
	capsSize = 24 // bytes of what a connection can do
	most     = 64 // devices of one server
)

// patience is how long a server has to answer everything.
const patience = 5 * time.Second

// Server is what answered.
type Server struct {
	Endpoint string
	Devices  []Device
}

// Device is memory that the server computes on, in bytes.
type Device struct{ Free, Total int64 }

// Free is the memory of all devices.
func (s Server) Free() (n int64) {
	for _, d := range s.Devices {
		n += d.Free
	}
	return n
}

// ErrVersion says that the server is of another llama.cpp.
var ErrVersion = errors.New("it speaks another version of the protocol")

// Ask returns what the server at "host:port" has. Errors: ErrVersion, or why nobody answers.
func Ask(ctx context.Context, endpoint string) (Server, error) {
	s := Server{Endpoint: endpoint}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", endpoint)
	if err != nil {
		return s, fmt.Errorf("RPC server %s: %w", endpoint, err)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return s, fmt.Errorf("RPC server %s: %w", endpoint, err)
		}
	}
	if s.Devices, err = devices(conn); err != nil {
		return s, fmt.Errorf("RPC server %s: %w", endpoint, err)
	}
	return s, nil
}

// devices says hello and asks for each device.
func devices(conn io.ReadWriter) ([]Device, error) {
	hello, err := call(conn, cmdHello, make([]byte, capsSize), 4+capsSize)
	if err != nil {
		return nil, err
	}
	if hello[0] != major || hello[1] > minor {
		return nil, fmt.Errorf("%w: %d.%d, and %d.%d is needed; build it from the same llama.cpp", ErrVersion, hello[0], hello[1], major, minor)
	}
	answer, err := call(conn, cmdDevices, nil, 4)
	if err != nil {
		return nil, err
	}
	count := binary.LittleEndian.Uint32(answer)
	if count == 0 || count > most {
		return nil, fmt.Errorf("it tells of %d devices", count)
	}
	all := make([]Device, count)
	for i := range all {
		answer, err := call(conn, cmdMemory, binary.LittleEndian.AppendUint32(nil, uint32(i)), 16)
		if err != nil {
			return nil, err
		}
		all[i].Free = int64(binary.LittleEndian.Uint64(answer))
		all[i].Total = int64(binary.LittleEndian.Uint64(answer[8:]))
	}
	return all, nil
}

// call sends a command with its body and reads an answer of that many bytes.
func call(conn io.ReadWriter, cmd byte, body []byte, size int) ([]byte, error) {
	message := append([]byte{cmd}, binary.LittleEndian.AppendUint64(nil, uint64(len(body)))...)
	if _, err := conn.Write(append(message, body...)); err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	head := make([]byte, 8)
	if _, err := io.ReadFull(conn, head); err != nil {
		return nil, fmt.Errorf("no answer of an RPC server: %w", err)
	}
	if n := binary.LittleEndian.Uint64(head); n != uint64(size) {
		return nil, fmt.Errorf("no answer of an RPC server: %d bytes, %d were expected", n, size)
	}
	answer := make([]byte, size)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return nil, fmt.Errorf("the answer ends early: %w", err)
	}
	return answer, nil
}
