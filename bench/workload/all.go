package workload

import (
	"slices"
	"strings"
)

// All lists the workloads in the order in which they are told.
func All() []Workload {
	return []Workload{single, chat, agentsCold, agentsSteady, mixed, json, multiturn, offline, grounded, overload, restart, cancel, file}
}

// Lookup finds workloads by name: one, or all kinds of it, which is what "agents"
// has; none: there is no such name.
func Lookup(name string) []Workload {
	return slices.DeleteFunc(All(), func(w Workload) bool {
		return w.Name != name && !strings.HasPrefix(w.Name, name+"-")
	})
}
