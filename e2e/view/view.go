package view

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"time"

	"meshproof.dev/meshproof/e2e/files"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
)

// View is the collected events of a recording. The zero value is not usable; use New.
type View struct {
	Header  recording.Header
	Profile profile.Resolved

	end      time.Duration
	killed   bool // the recording has no end
	pods     map[string]*Pod
	others   map[string]string // names of the namespace's other pods, by address
	reported []*Pod            // those that the API server told of, oldest first, by name where two came at once
	services map[string][]recording.Event
	slices   []recording.Event // the EndpointSlices
	images   []recording.Event
	acts     []recording.Event
	notices  []recording.Event
	execs    []recording.Event
	felt     map[feltThing][]recording.Event
	answers  []recording.Event
	starts   map[string]recording.Start
	objects  []recording.Event
	beats    map[string][]recording.Event
	paces    map[string]recording.Pace // the slowest of each agent
	clocks   map[string][]recording.Event
	gaps     map[string][]recording.Event // by observer
	errors   []recording.Event
	numbers  map[string]int32         // of pods, by UID
	looked   map[string]time.Duration // when each observer first saw something
	memo     memo

	changes   []recording.Event
	earlier   *View // the first of two looks of an inspection
	again     bool  // the second has begun
	isEarlier bool  // this is such a first look
}

// Pod is one pod of the workload by its UID, with all that was seen of it, each list sorted by time.
type Pod struct {
	UID   string
	Name  string
	First time.Duration // when it was first reported

	view     *View
	states   []recording.Event
	process  []recording.Event
	number   int32
	ports    map[uint16]bool   // distribution ports that epmd gave for it
	declared uint16            // its own distribution port where its command line says one, else the profile's, 0 for none
	local    map[string]bool   // names at 127.0.0.1 that its node ever counted as visible peers
	Nodes    []recording.Event // the nodes that its node sees
	Sockets  []recording.Event // the kernel's table
	DNS      []recording.Event // what it resolves
	ToEPMD   []Dial            // dials to its epmd
	ToDist   []Dial            // dials to its distribution ports
	Cookies  []recording.Event // complete handshakes with it

	VMs           []recording.Event // what /proc shows of its BEAM
	Resolvers     []recording.Event // its resolv.conf and hosts
	Asked         []recording.Event // DNS questions seen leaving it
	Registrations []recording.Event // what its own epmd says of its nodes
	Kernels       []recording.Event // what its node says of its own distribution
	Certificates  []recording.Event // what its node shows in TLS handshakes

	commands map[int]bool // processes that are VMs of commands
}

// New begins a view with a recording's header.
func New(h recording.Header) (*View, error) {
	v := &View{Header: h, pods: map[string]*Pod{}, others: map[string]string{}, services: map[string][]recording.Event{}, starts: map[string]recording.Start{},
		beats: map[string][]recording.Event{}, clocks: map[string][]recording.Event{}, gaps: map[string][]recording.Event{}, felt: map[feltThing][]recording.Event{}, numbers: map[string]int32{}, looked: map[string]time.Duration{}, paces: map[string]recording.Pace{}}
	if err := json.Unmarshal(h.Profile, &v.Profile); err != nil {
		return nil, fmt.Errorf("the header's profile: %w", err)
	}
	return v, nil
}

// Read reads a recording into a view, event by event. Of one whose writer was killed it has what was written; see [View.Killed].
func Read(r io.Reader) (*View, error) {
	events, err := recording.NewReader(r)
	if err != nil {
		return nil, err
	}
	v, err := New(events.Header)
	if err != nil {
		return nil, err
	}
	for {
		e, err := events.Next()
		switch {
		case errors.Is(err, io.EOF):
			return v, nil
		case errors.Is(err, recording.ErrTruncated):
			v.killed = true
			return v, nil
		case err != nil:
			return nil, err
		}
		v.Apply(e)
	}
}

// Load is Read for the file at path.
func Load(path string) (*View, error) {
	f, err := files.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	v, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// Killed says that the recording has no end, "" if it has one: what happened after its last event is not known.
func (v *View) Killed() string {
	if !v.killed {
		return ""
	}
	return fmt.Sprintf("%s at %.1f s", recording.ErrTruncated, v.end.Seconds())
}

// Apply adds one event. Events of agents may arrive after later events of other observers.
func (v *View) Apply(e recording.Event) {
	v.applyEarlier(e)
	v.end = max(v.end, e.T)
	v.memo.forget()
	switch e.Kind() {
	case recording.KindStart:
		v.starts[e.By] = *e.Start
	case recording.KindBeat:
		v.beats[e.By] = insert(v.beats[e.By], e)
		v.look(e)
	case recording.KindPace:
		v.applyPace(e)
	case recording.KindGap:
		v.applyGap(e)
	case recording.KindClock:
		v.clocks[e.By] = insert(v.clocks[e.By], e)
	case recording.KindObserverError:
		v.errors = insert(v.errors, e)
	case recording.KindAct:
		v.acts = insert(v.acts, e)
	case recording.KindImage:
		v.images = insert(v.images, e)
	case recording.KindNotice:
		v.notices = insert(v.notices, e)
	case recording.KindExec:
		v.execs = insert(v.execs, e)
	case recording.KindChange:
		v.changes = insert(v.changes, e)
	case recording.KindFelt:
		thing := feltThing{e.Felt.Pod, e.Felt.What, e.Felt.Peer}
		v.felt[thing] = insert(v.felt[thing], e)
	case recording.KindAnswer:
		v.answers = insert(v.answers, e)
	case recording.KindObject:
		v.objects = insert(v.objects, e)
	case recording.KindService:
		v.services[e.Service.Name] = insert(v.services[e.Service.Name], e)
	case recording.KindSlice:
		v.slices = insert(v.slices, e)
	case recording.KindPod:
		v.applyPod(e)
	default:
		v.applyLook(e)
	}
}

// applyLook adds what an agent saw in a pod.
func (v *View) applyLook(e recording.Event) {
	uid := e.PodUID()
	if uid == "" || v.pod(uid).ofCommand(e) {
		return
	}
	p := v.pod(uid)
	v.look(e)
	if list := p.looks(e.Kind()); list != nil {
		*list = insert(*list, e)
	}
	switch {
	case e.EPMD != nil:
		p.ToEPMD = insertDial(p.ToEPMD, epmdDial(e, v.number(e.FromUID()), p.ToEPMD))
		p.learnPorts(e.EPMD)
	case e.Dist != nil:
		p.ToDist = insertDial(p.ToDist, distDial(e, v.number(e.FromUID()), p.ToDist))
	case e.Nodes != nil:
		p.learnLocal(e.Nodes)
	case e.VM != nil:
		if n := p.FixedPort(); n > 0 {
			p.declared = uint16(n)
		}
	}
}

// looks is the list of the pod's events of one kind, nil if there is none.
func (p *Pod) looks(k recording.Kind) *[]recording.Event {
	switch k {
	case recording.KindProcess:
		return &p.process
	case recording.KindDNS:
		return &p.DNS
	case recording.KindCookie:
		return &p.Cookies
	case recording.KindNodes:
		return &p.Nodes
	case recording.KindSockets:
		return &p.Sockets
	case recording.KindVM:
		return &p.VMs
	case recording.KindResolver:
		return &p.Resolvers
	case recording.KindAsked:
		return &p.Asked
	case recording.KindRegistration:
		return &p.Registrations
	case recording.KindKernel:
		return &p.Kernels
	case recording.KindCertificate:
		return &p.Certificates
	default:
		return nil
	}
}

func (v *View) applyPod(e recording.Event) {
	if !v.Profile.Owns(e.Pod.Labels, e.Pod.Owner) {
		if e.Pod.IP != "" {
			v.others[e.Pod.IP] = e.Pod.Name
		}
		return
	}
	p := v.pod(e.Pod.UID)
	isNew := len(p.states) == 0
	p.Name = e.Pod.Name
	p.states = insert(p.states, e)
	if !isNew && p.First == p.states[0].T {
		return
	}
	p.First = p.states[0].T
	// A new slice, because Pods has returned the old one to callers.
	v.reported = slices.Clone(v.reported)
	if isNew {
		v.reported = append(v.reported, p)
	}
	slices.SortFunc(v.reported, func(a, b *Pod) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Name, b.Name))
	})
}

// pod is the pod with that UID. Agents may report it before the API server does; until then its name is its UID.
func (v *View) pod(uid string) *Pod {
	p := v.pods[uid]
	if p == nil {
		p = &Pod{UID: uid, Name: uid, view: v, number: v.number(uid), declared: uint16(v.Profile.DistPort)}
		v.pods[uid] = p
	}
	return p
}

// insert keeps the list sorted by time; almost every event is the youngest.
func insert(list []recording.Event, e recording.Event) []recording.Event {
	if n := len(list); n == 0 || list[n-1].T <= e.T {
		return append(list, e)
	}
	i := sort.Search(len(list), func(i int) bool { return list[i].T > e.T })
	list = append(list, recording.Event{})
	copy(list[i+1:], list[i:])
	list[i] = e
	return list
}

// last is the youngest event of the list not after t, or nil.
func last(list []recording.Event, t time.Duration) *recording.Event {
	i := sort.Search(len(list), func(i int) bool { return list[i].T > t })
	if i == 0 {
		return nil
	}
	return &list[i-1]
}

// Between are the events of a sorted list from from to to, both included.
func Between(list []recording.Event, from, to time.Duration) []recording.Event {
	i := sort.Search(len(list), func(i int) bool { return list[i].T >= from })
	j := sort.Search(len(list), func(i int) bool { return list[i].T > to })
	return list[i:max(i, j)]
}

// End is the time of the youngest event.
func (v *View) End() time.Duration { return v.end }

// Pods are all pods of the workload that were ever reported, oldest first, by name where two came at once.
func (v *View) Pods() []*Pod { return v.reported }

// Other is the name of a pod of the namespace that had this address and is not a node, "" if none was reported.
func (v *View) Other(ip string) string { return v.others[ip] }

// Pod is the pod with this UID. ok is false if no observer saw it. One that only agents saw has no state, and Pods does not have it.
func (v *View) Pod(uid string) (p *Pod, ok bool) {
	p, ok = v.pods[uid]
	return p, ok
}

// Service is the Service that discovery asks for, as last reported.
func (v *View) Service() (recording.Service, bool) {
	list := v.services[v.Profile.Service]
	if len(list) == 0 {
		return recording.Service{}, false
	}
	s := *list[len(list)-1].Service
	return s, !s.Gone
}

// Images are the outcomes of making images available.
func (v *View) Images() []recording.Image {
	all := make([]recording.Image, 0, len(v.images))
	for _, e := range v.images {
		all = append(all, *e.Image)
	}
	return all
}

// Execs are the console commands that were run, oldest first.
func (v *View) Execs() []recording.Event { return v.execs }

// Notices are the Kubernetes Events about the object ("Pod/NAME"), oldest first.
func (v *View) Notices(object string) []recording.Notice {
	var all []recording.Notice
	for _, e := range v.notices {
		if e.Notice.Object == object {
			all = append(all, *e.Notice)
		}
	}
	return all
}

// NoticedObjects are the objects that have a notice, each once ("Deployment/shop"), in the order of their first.
func (v *View) NoticedObjects() []string {
	var all []string
	for _, e := range v.notices {
		if !slices.Contains(all, e.Notice.Object) {
			all = append(all, e.Notice.Object)
		}
	}
	return all
}

// Act is the first act of that kind ("apply", "delete-pod").
func (v *View) Act(do string) (recording.Event, bool) {
	for _, e := range v.acts {
		if e.Act.Do == do {
			return e, true
		}
	}
	return recording.Event{}, false
}

// KubeSeen reports whether the API server was watched at all: if it was not, missing pods mean nothing.
func (v *View) KubeSeen() bool {
	_, ok := v.starts[recording.ByKube]
	return ok
}
