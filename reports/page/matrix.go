package page

import (
	"fmt"
	"strconv"
	"time"

	"meshproof.dev/meshproof/reports/picture"
)

// Scenario is one recording as the page draws it.
type Scenario struct {
	*picture.Picture
	ID      string
	Moments []Moment
	Losses  []Loss
}

// Loss is what an application lost of its peers, in words.
type Loss struct{ Lost, With, Pairs, Longest, Messages string }

// large is the number of pods from which cells have no room for more than their colour and shape.
const large = 40

// Size is the class of the tables and lanes: how much room a node has.
func (s *Scenario) Size() string {
	switch n := len(s.Pods); {
	case n > large:
		return "s"
	case n > 12:
		return "m"
	}
	return "l"
}

// Range is the last value of the control of the time, in steps of 100 ms.
func (s *Scenario) Range() int64 { return (s.End.Milliseconds() + 99) / 100 * 100 }

// First is its first value.
func (s *Scenario) First() int64 { return s.Begin.Milliseconds() / 100 * 100 }

// Length is how long the scenario took.
func (s *Scenario) Length() string { return Seconds(s.End - s.Begin) }

// Seconds is the end of the recording.
func (s *Scenario) Seconds() string { return Seconds(s.End) }

// Seconds is a time for people.
func Seconds(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 100*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

// Number is how a node is called in the matrix.
func (s *Scenario) Number(i int) string { return strconv.Itoa(i + 1) }

// Cells is a row of the matrix as it was at the end.
func (s *Scenario) Cells(i int) []Cell {
	cells := make([]Cell, len(s.Pods))
	for j := range cells {
		b, l := s.Believes[i][j], s.Links[i][j]
		cells[j] = Cell{Class: class(b, l), Text: string([]byte{b, l})}
	}
	return cells
}

// Cell is what a node believes of another, and what its sockets showed, in two letters.
type Cell struct{ Class, Text string }

// class is the digits of the state, "d" for the node itself, "x" where one of the two is not there.
func class(b, l byte) string {
	digit := map[byte]string{'?': "0", '-': "1", 'S': "2", 'L': "2", 'B': "3"}
	switch b {
	case '.':
		return "kd"
	case ' ':
		return "kx"
	}
	return "k" + digit[b] + digit[l]
}

// Kind is an entry of the legend: a state of a cell, and in how many pairs it is.
type Kind struct {
	Class, Text string
	N           int
}

// Legend counts the cells as they were at the end.
func (s *Scenario) Legend() []Kind {
	all := []Kind{
		{Class: "k22", Text: "sees it, and is connected"}, {Class: "k11", Text: "does not see it, not connected"},
		{Class: "k21", Text: "sees it, but has no connection"}, {Class: "k12", Text: "connected, but does not see it"},
		{Class: "k23", Text: "sees it; the connection is stalled"}, {Class: "k13", Text: "does not see it; a stalled connection"},
		{Class: "k20", Text: "sees it; sockets not seen"}, {Class: "k10", Text: "does not see it; sockets not seen"},
		{Class: "k02", Text: "connected; its view not seen"}, {Class: "k01", Text: "not connected; its view not seen"},
		{Class: "k03", Text: "a stalled connection; its view not seen"}, {Class: "k00", Text: "nothing was seen"},
	}
	at := map[string]int{}
	for i, k := range all {
		at[k.Class] = i
	}
	for i := range s.Pods {
		for _, c := range s.Cells(i) {
			if k, there := at[c.Class]; there {
				all[k].N++
			}
		}
	}
	return all
}

// data is what the script needs to show any other time.
type data struct {
	Begin int64     `json:"begin"` // ms
	End   int64     `json:"end"`   // ms
	Alive [][]int64 `json:"alive"` // of each pod: from, to … ms, without the last, when its VM may run
	There [][]int64 `json:"there"` // likewise, when it exists
	Looks [][]int64 `json:"looks"` // ms since the look before, row, state, columns …
	Stops []int64   `json:"stops"` // ms of what a reader jumps to: acts, and deciding evidence
	Names []string  `json:"names"`
}

// Data is the whole mesh over time. States are kept as changes.
func (s *Scenario) Data() any {
	d := data{Begin: s.Begin.Milliseconds(), End: s.End.Milliseconds(), Looks: [][]int64{}, Stops: []int64{}, Names: []string{}}
	for _, p := range s.Pods {
		d.Names = append(d.Names, p.Name)
		alive, there := []int64{}, []int64{}
		n := len(p.Life)
		for i, l := range p.Life {
			if l.Stage == "down" {
				continue
			}
			to := l.To.Milliseconds()
			if i == n-1 {
				to++
			}
			alive = append(alive, l.From.Milliseconds(), to)
		}
		if n > 0 {
			there = append(there, p.Life[0].From.Milliseconds(), p.Life[n-1].To.Milliseconds()+1)
		}
		d.Alive, d.There = append(d.Alive, alive), append(d.There, there)
	}
	before := int64(0)
	for _, l := range s.Looks {
		t := l.T.Milliseconds()
		row := []int64{t - before, int64(l.Row), int64(l.State)}
		for _, j := range l.Of {
			row = append(row, int64(j))
		}
		before = t
		d.Looks = append(d.Looks, row)
	}
	for _, a := range s.Acts {
		d.Stops = append(d.Stops, a.From.Milliseconds())
	}
	for _, m := range s.Moments {
		d.Stops = append(d.Stops, m.At.Milliseconds())
	}
	if s.Full > 0 {
		d.Stops = append(d.Stops, s.Full.Milliseconds())
	}
	return d
}
