package view

import (
	"reflect"
	"sort"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
)

// Dial is a dial to a pod. A thousand nodes make a million dials, and checks read all of them: what decides whether a dial
// succeeded is here, and what was seen is shared with other dials to the same pod that saw the same.
type Dial struct {
	T, Took time.Duration
	From    int32 // the number of the pod that dialled
	Good    bool  // its outcome is "ok"

	EPMD *recording.EPMD // of the two the one that it was, without who dialled and how long it took
	Dist *recording.Dist
}

// epmdDial is the dial of an event. before are those to the same pod.
func epmdDial(e recording.Event, from int32, before []Dial) Dial {
	d := Dial{T: e.T, Took: e.EPMD.Took, From: from, Good: e.EPMD.Outcome == recording.OK}
	seen := *e.EPMD
	seen.From, seen.Took = "", 0
	if n := len(before); n > 0 && reflect.DeepEqual(*before[n-1].EPMD, seen) {
		d.EPMD = before[n-1].EPMD
	} else {
		d.EPMD = &seen
	}
	return d
}

// distDial is the same for a dial to the distribution port.
func distDial(e recording.Event, from int32, before []Dial) Dial {
	d := Dial{T: e.T, Took: e.Dist.Took, From: from, Good: e.Dist.Outcome == recording.OK}
	seen := *e.Dist
	seen.From, seen.Took = "", 0
	if n := len(before); n > 0 && *before[n-1].Dist == seen {
		d.Dist = before[n-1].Dist
	} else {
		d.Dist = &seen
	}
	return d
}

// Outcome is the result of the dial.
func (d *Dial) Outcome() recording.Outcome {
	if d.EPMD != nil {
		return d.EPMD.Outcome
	}
	return d.Dist.Outcome
}

// Addr is the address that was dialled.
func (d *Dial) Addr() string {
	if d.EPMD != nil {
		return d.EPMD.Addr
	}
	return d.Dist.Addr
}

// Detail is what was seen of a dial that failed.
func (d *Dial) Detail() string {
	if d.EPMD != nil {
		return d.EPMD.Detail
	}
	return d.Dist.Detail
}

// During are the dials of a sorted list from from to to, both included.
func During(list []Dial, from, to time.Duration) []Dial {
	i := sort.Search(len(list), func(i int) bool { return list[i].T >= from })
	j := sort.Search(len(list), func(i int) bool { return list[i].T > to })
	return list[i:max(i, j)]
}

// Number is a small number that identifies the pod in this view: below Numbers.
func (p *Pod) Number() int32 { return p.number }

// Numbers is how many numbers were given.
func (v *View) Numbers() int { return len(v.numbers) }

// number gives a pod its number. One that dialled may not have been reported.
func (v *View) number(uid string) int32 {
	n, there := v.numbers[uid]
	if !there {
		n = int32(len(v.numbers))
		v.numbers[uid] = n
	}
	return n
}

// insertDial keeps the list sorted by time.
func insertDial(list []Dial, d Dial) []Dial {
	n := len(list)
	list = append(list, d)
	if n == 0 || list[n-1].T <= d.T {
		return list
	}
	i := sort.Search(n, func(i int) bool { return list[i].T > d.T })
	copy(list[i+1:], list[i:n])
	list[i] = d
	return list
}
