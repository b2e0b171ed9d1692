package recording

import "strings"

// Kind is the kind of an event: the name of the one field that is set in it, as in the file.
type Kind string

// The kinds of events. [Kinds] says what each of them is for.
const (
	KindStart         Kind = "start"
	KindBeat          Kind = "beat"
	KindPace          Kind = "pace"
	KindGap           Kind = "gap"
	KindClock         Kind = "clock"
	KindAct           Kind = "act"
	KindImage         Kind = "image"
	KindPod           Kind = "pod"
	KindService       Kind = "service"
	KindSlice         Kind = "slice"
	KindNotice        Kind = "notice"
	KindProcess       Kind = "process"
	KindDNS           Kind = "dns"
	KindEPMD          Kind = "epmd"
	KindDist          Kind = "dist"
	KindCookie        Kind = "cookie"
	KindNodes         Kind = "nodes"
	KindSockets       Kind = "sockets"
	KindExec          Kind = "exec"
	KindChange        Kind = "change"
	KindObserverError Kind = "observerError"
	KindObject        Kind = "object"
	KindVM            Kind = "vm"
	KindResolver      Kind = "resolver"
	KindAsked         Kind = "asked"
	KindRegistration  Kind = "registration"
	KindKernel        Kind = "kernel"
	KindCertificate   Kind = "certificate"
	KindFelt          Kind = "felt"
	KindAnswer        Kind = "answer"
	KindAgain         Kind = "again"
	KindEnd           Kind = "end"
)

// The observers that are no agents, as By names them.
const (
	ByRun  = "run"  // the run itself: what it did
	ByKube = "kube" // the watch of the API server
	ByAPI  = "api"  // who stands in for the agents where the cluster refuses them: it sees pods through port-forward and exec
)

// Dials is the ability of an agent to record whom a pod dials: [Start] lists it in Can.
const Dials = "dials"

// What an observer of pods may not be able to see, beside whole kinds of events. [Start] lists what is missing in Cannot.
const (
	AnAgent     = "agent"       // an agent may run: the reason is the API server's own sentence
	PeerDials   = "peer-dials"  // whether a pod reaches its peers: dials to it come from the pod itself only
	LinkTimes   = "link-times"  // when data last arrived on a link
	Log         = "log"         // what a node's log says
	ACookie     = "a-cookie"    // a cookie is offered to the nodes: the reason why not
	Environment = "environment" // the variables and the vm.args of a VM
)

// ofObjects begins the names of [OfObjects].
const ofObjects = "objects/"

// OfObjects is what may not be seen of one kind of objects, "objects/NetworkPolicy": the user may not list them.
func OfObjects(kind string) string { return ofObjects + kind }

// AboutObjects reports whether what is a name of [OfObjects].
func AboutObjects(what string) bool { return strings.HasPrefix(what, ofObjects) }

// ByAgent names the agent of a node as an observer.
func ByAgent(node string) string { return "agent/" + node }

// Agents means all agents, where [Use] says who writes a kind of event. Where there is none, [ByAPI] writes it.
const Agents = "agent"

// Use says what the events of one kind are for, and who writes them.
type Use struct {
	Kind   Kind
	By     string // ByRun, ByKube or Agents; "" where each observer writes them
	For    string // what is learnt from them
	Unread bool   // no check reads them yet
}

// Kinds are all kinds of events, in the order of the fields of [Event].
func Kinds() []Use {
	return []Use{
		{KindStart, "", "who observed, and what an agent is able to see", false},
		{KindBeat, "", "that an observer was alive, how short of CPU it was, how much it used, and what it holds", false},
		{KindPace, Agents, "how often an agent looks: a longer silence is one", false},
		{KindGap, "", "when an observer was blind: what happened then is unknown", false},
		{KindClock, Agents, "how exactly an agent's times compare with those of others", false},
		{KindAct, ByRun, "what the scenario did, and when: recovery is counted from it", false},
		{KindImage, ByRun, "which images could be had", false},
		{KindPod, ByKube, "which pods are expected in the mesh, where they are, and why they are not ready", false},
		{KindService, ByKube, "what discovery can find", false},
		{KindSlice, ByKube, "which addresses a Service has, and when a deleted pod's is no longer one of them", false},
		{KindNotice, ByKube, "what Kubernetes says about an object that does not start", false},
		{KindProcess, Agents, "when a VM began and ended", false},
		{KindDNS, Agents, "what a pod resolves", false},
		{KindEPMD, Agents, "whether a pod reaches another's epmd, and what is registered there", false},
		{KindDist, Agents, "whether a pod reaches another's distribution port, and who answers", false},
		{KindCookie, Agents, "whether the cookie is accepted, and a wrong one is refused", false},
		{KindNodes, Agents, "which nodes a node sees", false},
		{KindSockets, Agents, "which links the kernel has, and what a pod listens on", false},
		{KindExec, ByRun, "what a console command came to", false},
		{KindChange, ByKube, "what was changed last before an inspection, and when", false},
		{KindObserverError, "", "what an observer could not do: why something was not seen", false},
		{KindObject, ByRun, "the manifests", false},
		{KindVM, Agents, "how a VM was started", false},
		{KindResolver, Agents, "how a pod resolves names", false},
		{KindAsked, Agents, "whether discovery goes on asking, what it got, and whom a pod dials", false},
		{KindRegistration, Agents, "how a node is registered with its own epmd", false},
		{KindKernel, Agents, "what a node says of its own distribution", false},
		{KindCertificate, Agents, "which certificate a node shows", false},
		{KindFelt, ByKube, "what an application lost of its peers, and for how long", false},
		{KindAnswer, Agents, "whether the nodes are one cluster for the application, too", false},
		{KindAgain, Agents, "that an earlier look has shown the same, and what has changed since", false},
		{KindEnd, ByRun, "that nothing is missing after the last event", false},
	}
}

// WrittenBy is who writes events of the kind, as [Use] has it.
func (k Kind) WrittenBy() string {
	for _, use := range Kinds() {
		if use.Kind == k {
			return use.By
		}
	}
	return ""
}

// Kind is the event's kind, "" where nothing is set.
func (e *Event) Kind() Kind {
	kind, _, _ := e.about()
	return kind
}

// PodUID is the pod that the event is about: of a dial the one that is dialled. "" where it is about none.
func (e *Event) PodUID() string {
	_, pod, _ := e.about()
	return pod
}

// FromUID is the pod from which PodUID was probed: of a dial the one that dials. "" if it was not probed from another pod.
func (e *Event) FromUID() string {
	switch {
	case e.EPMD != nil:
		return e.EPMD.From
	case e.Dist != nil:
		return e.Dist.From
	default:
		return ""
	}
}

// State names the thing whose state the event reports: the latest event with that name is its state, and a new recording begins
// with that event. "" for events that report no lasting state.
func (e *Event) State() string {
	kind, _, thing := e.about()
	if thing == "" {
		return ""
	}
	return string(kind) + "/" + thing
}

// about returns the kind, the pod that is observed, and the thing whose state is reported, if there is one.
func (e *Event) about() (kind Kind, pod, thing string) {
	switch {
	case e.Nodes != nil:
		return KindNodes, e.Nodes.Pod, ""
	case e.Sockets != nil:
		return KindSockets, e.Sockets.Pod, ""
	case e.EPMD != nil:
		return KindEPMD, e.EPMD.To, ""
	case e.Dist != nil:
		return KindDist, e.Dist.To, ""
	case e.Cookie != nil:
		return KindCookie, e.Cookie.Pod, ""
	case e.DNS != nil:
		return KindDNS, e.DNS.Pod, ""
	case e.Asked != nil:
		return KindAsked, e.Asked.Pod, ""
	case e.Registration != nil:
		return KindRegistration, e.Registration.Pod, ""
	case e.Certificate != nil:
		return KindCertificate, e.Certificate.Pod, ""
	case e.Answer != nil:
		return KindAnswer, e.Answer.Pod, ""
	case e.Process != nil:
		return KindProcess, e.Process.Pod, e.Process.Pod
	case e.VM != nil:
		return KindVM, e.VM.Pod, e.VM.Pod
	case e.Resolver != nil:
		return KindResolver, e.Resolver.Pod, e.Resolver.Pod
	case e.Kernel != nil:
		if e.Kernel.Outcome != OK {
			return KindKernel, e.Kernel.Pod, ""
		}
		return KindKernel, e.Kernel.Pod, e.Kernel.Pod
	default:
		return e.aboutRun()
	}
}

// aboutRun is about for events that no agent writes.
func (e *Event) aboutRun() (kind Kind, pod, thing string) {
	switch {
	case e.Pod != nil:
		return KindPod, e.Pod.UID, e.Pod.UID
	case e.Service != nil:
		return KindService, "", e.Service.Name
	case e.Slice != nil:
		return KindSlice, "", e.Slice.Name
	case e.Notice != nil:
		return KindNotice, "", ""
	case e.Object != nil:
		return KindObject, "", e.Object.Kind + "/" + e.Object.Name
	case e.Image != nil:
		return KindImage, "", e.Image.Name
	case e.Act != nil:
		return KindAct, e.Act.Pod, ""
	case e.Exec != nil:
		return KindExec, e.Exec.Pod, ""
	case e.Change != nil:
		return KindChange, "", e.Change.Object + "/" + e.Change.What
	case e.Felt != nil:
		return KindFelt, e.Felt.Pod, e.Felt.Pod + "/" + e.Felt.What + "/" + e.Felt.Peer
	case e.Start != nil:
		return KindStart, "", e.By
	case e.Beat != nil:
		return KindBeat, "", ""
	case e.Pace != nil:
		return KindPace, "", e.By
	case e.Clock != nil:
		return KindClock, "", e.By
	case e.Gap != nil:
		return KindGap, "", e.Gap.id(e.By)
	case e.ObserverError != nil:
		return KindObserverError, e.ObserverError.Pod, ""
	case e.End != nil:
		return KindEnd, "", ""
	case e.Again != nil:
		return KindAgain, "", ""
	default:
		return "", "", ""
	}
}
