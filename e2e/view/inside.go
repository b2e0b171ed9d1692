package view

import (
	"slices"
	"time"

	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
)

// Objects are the manifests' objects of that kind, in the order they were applied; all of them for "".
func (v *View) Objects(kind string) []recording.Object {
	var all []recording.Object
	for _, e := range v.objects {
		if kind == "" || e.Object.Kind == kind {
			all = append(all, *e.Object)
		}
	}
	return all
}

// VM is the pod's BEAM as last seen, or nil when none was.
func (p *Pod) VM() *recording.VM {
	if n := len(p.VMs); n > 0 {
		return p.VMs[n-1].VM
	}
	return nil
}

// OverTLS reports whether the pod's node uses TLS for distribution, if that is known: from its command line, or from its answer
// to a probe.
func (p *Pod) OverTLS() (over, known bool) {
	if vm := p.VM(); vm != nil && len(vm.Args) > 0 {
		return vm.OverTLS(), true
	}
	if len(p.Certificates) > 0 {
		return true, true
	}
	for _, d := range slices.Backward(p.ToDist) {
		if o := d.Outcome(); o == recording.OK || o == recording.TLSAlert {
			return o == recording.TLSAlert, true
		}
	}
	return false, false
}

// Kernel is what the pod's node last reported about its own distribution, or nil if it never did.
func (p *Pod) Kernel() *recording.Kernel {
	for _, e := range slices.Backward(p.Kernels) {
		if e.Kernel.Outcome == recording.OK {
			return e.Kernel
		}
	}
	return nil
}

// Resolver is how the pod resolves names, as last seen, or nil.
func (p *Pod) Resolver() *recording.Resolver {
	if n := len(p.Resolvers); n > 0 {
		return p.Resolvers[n-1].Resolver
	}
	return nil
}

// Pressure is the largest delay of the observers' own timers between from and to: a deadline that was missed by less may be
// missed because the machine was busy.
func (v *View) Pressure(from, to time.Duration) time.Duration {
	worst := time.Duration(0)
	for _, beats := range v.beats {
		for _, e := range Between(beats, from, to) {
			worst = max(worst, e.Beat.Late)
		}
	}
	return worst
}

// Can reports whether the agent of the pod's node has an ability ("af_packet"), and, if not, the agent's reason. known is
// false if no agent of that node has reported.
func (v *View) Can(p *Pod, ability string) (can, known bool) {
	s, known := v.starts[recording.ByAgent(p.Last().Node)]
	return known && slices.Contains(s.Can, ability), known
}

// EPMDLess reports whether the nodes know each other's port without an epmd: the profile says so, or a VM was
// started with erl_epmd_node_listen_port.
func (v *View) EPMDLess() bool {
	return v.Profile.EPMDPort == 0 || slices.ContainsFunc(v.Pods(), func(p *Pod) bool { return p.FixedPort() > 0 })
}

// FixedPort is the port that the pod's node listens on without an epmd, 0 where it has one or was not seen.
func (p *Pod) FixedPort() int {
	if vm := p.VM(); vm != nil {
		return vm.FixedPort()
	}
	return 0
}

// DiscoversOnce reports whether nodes are expected to discover each other only when they start.
func (v *View) DiscoversOnce() bool { return v.Profile.Expect.Discovery == profile.DiscoversOnce }

// KeepsDiscovering reports whether nodes are expected to discover each other as long as they run.
func (v *View) KeepsDiscovering() bool { return !v.DiscoversOnce() && !v.DiscoversNever() }

// DiscoversNever reports whether nodes are expected to do no discovery.
func (v *View) DiscoversNever() bool { return v.Profile.Expect.Discovery == profile.DiscoversNever }
