package recording

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Format names the version of the file format. A reader rejects a file with any other.
const Format = "meshproof.dev/recording/v1"

// Header is the first line of a recording. It contains everything that judging needs in addition to the events.
type Header struct {
	Format    string          `json:"format"`
	Profile   json.RawMessage `json:"profile"`  // the resolved profile (package profile), as the run used it
	Scenario  Scenario        `json:"scenario"` // "formation", "recovery" …
	Namespace string          `json:"namespace"`
	Start     time.Time       `json:"start"` // wall clock of t = 0
}

// Event is one observation. T is the time since the header's Start on the harness's clock, in nanoseconds;
// for what an agent saw it is the agent's CLOCK_BOOTTIME moved by the measured offset ([Clock]).
// By names the observer: "run", "kube", "agent/NODE", or "api" where there are no agents. Exactly one of the pointers is set.
type Event struct {
	T  time.Duration `json:"t"`
	By string        `json:"by"`

	Start   *Start   `json:"start,omitempty"`
	Beat    *Beat    `json:"beat,omitempty"`
	Pace    *Pace    `json:"pace,omitempty"`
	Gap     *Gap     `json:"gap,omitempty"`
	Clock   *Clock   `json:"clock,omitempty"`
	Act     *Act     `json:"act,omitempty"`
	Image   *Image   `json:"image,omitempty"`
	Pod     *Pod     `json:"pod,omitempty"`
	Service *Service `json:"service,omitempty"`
	Slice   *Slice   `json:"slice,omitempty"`
	Notice  *Notice  `json:"notice,omitempty"`
	Process *Process `json:"process,omitempty"`
	DNS     *DNS     `json:"dns,omitempty"`
	EPMD    *EPMD    `json:"epmd,omitempty"`
	Dist    *Dist    `json:"dist,omitempty"`
	Cookie  *Cookie  `json:"cookie,omitempty"`
	Nodes   *Nodes   `json:"nodes,omitempty"`
	Sockets *Sockets `json:"sockets,omitempty"`
	Exec    *Exec    `json:"exec,omitempty"`
	Change  *Change  `json:"change,omitempty"`

	ObserverError *ObserverError `json:"observerError,omitempty"`

	Object       *Object       `json:"object,omitempty"`
	VM           *VM           `json:"vm,omitempty"`
	Resolver     *Resolver     `json:"resolver,omitempty"`
	Asked        *Asked        `json:"asked,omitempty"`
	Registration *Registration `json:"registration,omitempty"`
	Kernel       *Kernel       `json:"kernel,omitempty"`
	Certificate  *Certificate  `json:"certificate,omitempty"`
	Felt         *Felt         `json:"felt,omitempty"`
	Answer       *Answer       `json:"answer,omitempty"`

	// Again stands for another kind of event where it repeats an earlier line. Only [Shortener] and [Restorer] meet it.
	Again *Again `json:"again,omitempty"`

	End *End `json:"end,omitempty"`
}

// Kinds are the names of what is set in the event, as the file has them; of a whole event it is one.
func (e *Event) Kinds() []string {
	var all []string
	v := reflect.ValueOf(e).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			all = append(all, name)
		}
	}
	return all
}

// End is the last event of a recording that is whole, at the time of the youngest event. Where it is missing the writer was killed.
type End struct{}

// Start says that an observer began to watch. An agent lists in Can what it is able to do here
// ("netns", "inet_diag", "hostpid"); what is missing makes the checks that need it unseen. Of [ByAPI], Can and Cannot name kinds of
// events, and what else it may not see: see [AnAgent] and those beside it.
type Start struct {
	Version string   `json:"version,omitempty"`
	Node    string   `json:"node,omitempty"`
	Can     []string `json:"can,omitempty"`
	Cannot  []string `json:"cannot,omitempty"` // "NAME: what was seen"
	API     string   `json:"api,omitempty"`    // the API server's address, as pods of this cluster know it
}

// Beat says that an observer is alive. Late is the delay of its own timer: it shows how much CPU pressure affects everything it
// reports. CPU is the time that its process has used since the beat before, in user and kernel mode: what looking costs. Now and then
// it says what the process holds, too: a process that holds more and more has a leak.
type Beat struct {
	Late        time.Duration `json:"late,omitempty"`
	CPU         time.Duration `json:"cpu,omitempty"`
	Memory      int64         `json:"memory,omitempty"`      // resident, in bytes
	Descriptors int           `json:"descriptors,omitempty"` // open ones
	Threads     int           `json:"threads,omitempty"`     // of the operating system
}

// Pace is how often an agent looks at each pod and dials each pair: less often where there are many, so that looking does not make
// the node slow. It is written when it changes.
type Pace struct {
	View    time.Duration `json:"view"`
	Sockets time.Duration `json:"sockets"`
	DNS     time.Duration `json:"dns"`
	EPMD    time.Duration `json:"epmd"`
	Dist    time.Duration `json:"dist"`
}

// Gap says that an observer saw nothing from From to To (harness clock): a lost connection, a ring buffer that overran. What
// happened in between is unknown, not healthy. A long gap is first written without its end; the event with the end has the same
// From and Of. Its end equals its beginning if nothing was lost after all.
type Gap struct {
	From time.Duration `json:"from"`
	To   time.Duration `json:"to,omitempty"` // 0: it is not over yet
	Of   Kind          `json:"of,omitempty"` // the only kind that could not be seen; "" for all that the observer sees
	Why  string        `json:"why"`
}

// id identifies a gap of an observer: a gap and its end have the same one.
func (g *Gap) id(by string) string { return fmt.Sprintf("%s/%s/%d", by, g.Of, g.From) }

// Clock is the offset of an agent's clock from the harness's: harness = boot + Offset, with an error of at most Bound.
// Two times whose difference is within the bound are the same time.
type Clock struct {
	Offset time.Duration `json:"offset"`
	Bound  time.Duration `json:"bound"`
}

// The acts of scenarios. Mutants and faults have others.
const (
	Apply         = "apply"          // the objects were created
	DeletePod     = "delete-pod"     // a pod was deleted
	KillContainer = "kill-container" // the VM of a pod was killed; its container is then started again
	Rollout       = "rollout"        // the controllers were given the pod templates of the next version
	ForceDelete   = "force-delete"   // a pod was deleted without a grace period
	EvictPod      = "evict-pod"      // a pod was evicted from its node
	Scale         = "scale"          // the workload was given another number of replicas
	Cordon        = "cordon"         // a node takes no more pods
	CutNode       = "cut-node"       // the node of the pod was cut off from the network
	KillEPMD      = "kill-epmd"      // epmd of the pod was killed; its VM was not touched
	RotateSecret  = "rotate-secret"  // the Secret with the cookie was given another value
	Inject        = "inject"         // a fault was put into the pod, and bites
	NotDone       = "not-done"       // the scenario did nothing: the detail says why, such as that there was no healthy mesh
	Void          = "void"           // the scenario did not take its course: the detail says why
	Unhealed      = "unhealed"       // a fault that should be healed may still be in the pod
	Heal          = "heal"           // a fault of the pod is gone
)

// The acts of an inspection.
const (
	LookAgain = "look-again" // the first look is over, and the second begins
	Did       = "did"        // what it did, in the detail: "list pods 2, exec cat 9"
)

// The faults of scenarios, as [Act.Fault] names them. All but the blip have the same names in package agent.
const (
	FaultCut       = "cut"        // no packet passes between the pod and the peer
	FaultCutOut    = "cut-out"    // no packet passes from the pod to the peer
	FaultBlip      = "blip"       // a cut for a moment
	FaultReset     = "reset"      // the open connections of the two were reset
	FaultDropLarge = "drop-large" // no packet over 1,400 bytes passes between the two
	FaultDropDNS   = "drop-dns"   // no DNS query of the pod is answered
	FaultSlowDNS   = "slow-dns"   // only repeated DNS queries of the pod are answered
)

// Act is something that the scenario did to the workload, and when: a recovery is measured from it.
type Act struct {
	Do     string `json:"do"`            // such as [DeletePod]
	Pod    string `json:"pod,omitempty"` // UID
	Detail string `json:"detail,omitempty"`

	Fault string        `json:"fault,omitempty"` // of inject and heal: the kind of the fault, such as [FaultCut]
	Peer  string        `json:"peer,omitempty"`  // of a fault between two pods: the other one's address
	For   time.Duration `json:"for,omitempty"`   // of the heal of a fault that ends by itself: for how long it was in place, as measured

	// Replicas is, of [Scale], how many pods of all workloads are wanted from then on.
	Replicas int `json:"replicas,omitempty"`
}

// Image is the outcome of making one image available to the nodes.
type Image struct {
	Name    string        `json:"name"`             // as the manifests name it
	Outcome string        `json:"outcome"`          // "built", "pulled", "present", "failed"
	ID      string        `json:"id,omitempty"`     // the image's own digest
	Detail  string        `json:"detail,omitempty"` // for "failed": the last lines of the builder's output
	Took    time.Duration `json:"took,omitempty"`
}

// Pod is a pod's state as the API server reported it.
type Pod struct {
	UID        string            `json:"uid"`
	Name       string            `json:"name"`
	Owner      string            `json:"owner,omitempty"` // "ReplicaSet/derl-6c9f"
	Labels     map[string]string `json:"labels,omitempty"`
	Node       string            `json:"node,omitempty"`
	IP         string            `json:"ip,omitempty"`
	Phase      string            `json:"phase"`
	Ready      bool              `json:"ready"`
	NotReady   string            `json:"notReady,omitempty"` // why, from the Ready and PodScheduled conditions
	Created    time.Time         `json:"created"`
	Deleting   bool              `json:"deleting,omitempty"`
	Gone       bool              `json:"gone,omitempty"`       // the object was removed
	DeleteBy   time.Time         `json:"deleteBy,omitzero"`    // of an inspection: by when a pod that is being deleted has to be gone
	Revision   string            `json:"revision,omitempty"`   // of an inspection: the number of its controller's revision, "42"
	Containers []Container       `json:"containers,omitempty"` // of the init containers only those that fail; they come first
}

// Container is the state of one container of a pod.
type Container struct {
	Name     string    `json:"name"`
	Image    string    `json:"image"`
	ImageID  string    `json:"imageID,omitempty"`
	State    string    `json:"state"` // "waiting", "running", "terminated"
	Reason   string    `json:"reason,omitempty"`
	Message  string    `json:"message,omitempty"`
	ExitCode int32     `json:"exitCode,omitempty"`
	Restarts int32     `json:"restarts,omitempty"`
	Started  time.Time `json:"started,omitzero"`
	Finished time.Time `json:"finished,omitzero"`
	Log      []string  `json:"log,omitempty"` // last lines, taken when it is not well; secrets are redacted

	// How it ended the last time before this, where it has: a container that waits for its next start (CrashLoopBackOff) says of
	// itself only that.
	LastReason   string `json:"lastReason,omitempty"` // "OOMKilled"
	LastExitCode int32  `json:"lastExitCode,omitempty"`
	MemoryLimit  string `json:"memoryLimit,omitempty"` // its limit of memory, "24Mi"
}

// Service is a Service as the API server reported it.
type Service struct {
	Name            string            `json:"name"`
	ClusterIP       string            `json:"clusterIP"` // "None" for a headless Service
	Selector        map[string]string `json:"selector,omitempty"`
	PublishNotReady bool              `json:"publishNotReady,omitempty"`
	Ports           []ServicePort     `json:"ports,omitempty"`
	Gone            bool              `json:"gone,omitempty"`
}

// ServicePort is one port of a Service.
type ServicePort struct {
	Name   string `json:"name,omitempty"`
	Port   int32  `json:"port"`
	Target string `json:"target,omitempty"`
}

// Slice is an EndpointSlice as the API server reported it.
type Slice struct {
	Name      string     `json:"name"`
	Service   string     `json:"service"`
	Endpoints []Endpoint `json:"endpoints,omitempty"`
	Gone      bool       `json:"gone,omitempty"`
}

// Endpoint is one address of an EndpointSlice.
type Endpoint struct {
	Addresses   []string `json:"addresses"`
	Pod         string   `json:"pod,omitempty"` // UID
	Ready       bool     `json:"ready"`
	Terminating bool     `json:"terminating,omitempty"`
}

// Change is when an object was changed the last time, as the API server notes it: a revision of a workload, a ConfigMap, a Service.
type Change struct {
	Object string    `json:"object"` // "Deployment/derl"
	What   string    `json:"what"`   // "revision 43"
	At     time.Time `json:"at"`
}

// Notice is a Kubernetes Event about one of our objects (ErrImagePull, FailedScheduling …).
type Notice struct {
	Object  string `json:"object"` // "Pod/derl-6c9f-x2"
	Type    string `json:"type"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}
