package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/reports/picture"
)

// The lanes' measures, in the units of their picture.
const (
	wide      = 1080.0
	plotLeft  = 196.0
	plotRight = wide - 12
)

// Lanes is the geometry of the swim lanes: a lane for the whole mesh, then one for each pod.
type Lanes struct {
	Wide, High    float64 // of the picture
	Plot          float64 // how wide the lanes are
	Left, Right   float64
	Top, Bottom   float64 // of the lanes, without what is written above and below
	Ticks         []Tick
	Bands, Blinds []Band
	Marks         []Line
	Rows          []LaneRow
}

// Tick is a line of the time axis.
type Tick struct {
	X    float64
	Text string
}

// Band is a shaded time.
type Band struct {
	X, W, Y, H float64
	Text       string
	Class      string
}

// Line is a moment that has a name.
type Line struct {
	X, Y   float64
	Text   string
	Class  string
	Anchor string
}

// LaneRow is one lane: the life of the pod as a bar, above the middle what its node believes, below it what its sockets show.
type LaneRow struct {
	Label  string
	Number string
	Y, Mid float64
	H      float64
	Font   float64
	Bed    float64 // where the area would be that is complete
	BedH   float64
	Life   []Band
	// Believes and Links are the areas, each over that of the dead ones, and where nothing was seen.
	Believes, BelievesDead, Links, LinksDead string
	Unseen                                   []Band
	Says                                     string // the same in words
}

// measure is how high things are.
type measure struct{ lane, life, half, font float64 }

func (s *Scenario) measure() measure {
	switch s.Size() {
	case "s":
		return measure{16, 2, 5, 9}
	case "m":
		return measure{26, 3, 9, 11}
	}
	return measure{48, 6, 16, 12}
}

func (s *Scenario) x(t time.Duration) float64 {
	return plotLeft + (plotRight-plotLeft)*s.part(t)
}

// part is how much of the scenario is over at t.
func (s *Scenario) part(t time.Duration) float64 {
	if s.End <= s.Begin {
		return 0
	}
	return min(1, max(0, (t-s.Begin).Seconds()/(s.End-s.Begin).Seconds()))
}

// Lanes draws them.
func (s *Scenario) Lanes() Lanes {
	l := Lanes{Wide: wide, Left: plotLeft, Right: plotRight, Plot: plotRight - plotLeft}
	y := s.flags(&l)
	l.Top = y
	l.Rows = append(l.Rows, s.row("all nodes", "", s.Whole, s.busy(), y, measure{60, 0, 24, 13}))
	y += 60
	m := s.measure()
	for i, p := range s.Pods {
		l.Rows = append(l.Rows, s.row(p.Name, s.Number(i), s.Picture.Lanes[i], p.Life, y, m))
		y += m.lane
	}
	l.Bottom = y
	l.High = y + 20
	for _, t := range ticks(s.Begin, s.End) {
		l.Ticks = append(l.Ticks, Tick{s.x(t), fmt.Sprintf("%g s", t.Seconds())})
	}
	for i := range l.Bands {
		l.Bands[i].Y, l.Bands[i].H = l.Top, l.Bottom-l.Top
	}
	return l
}

// flags writes what was done, when the mesh was full and what decided a check above the lanes, each in the first line that has
// room, and gives the height of all lines.
func (s *Scenario) flags(l *Lanes) float64 {
	type flag struct {
		t           time.Duration
		text, class string
	}
	var all []flag
	for _, a := range s.Acts {
		all = append(all, flag{a.From, actText(a), "act"})
		if a.Harm {
			l.Bands = append(l.Bands, Band{X: s.x(a.From), W: max(3, s.x(a.To)-s.x(a.From)), Class: "harm"})
		}
	}
	if s.Full > 0 {
		all = append(all, flag{s.Full, "mesh full " + Seconds(s.Full), "full"})
	}
	for _, m := range s.Moments {
		all = append(all, flag{m.At, m.Label, m.Class})
	}
	slices.SortStableFunc(all, func(a, b flag) int { return cmp.Compare(a.t, b.t) })
	var ends []float64 // of the text in each line
	for _, f := range all {
		x, w, anchor := s.x(f.t), 6.4*float64(len([]rune(f.text)))+16, "start"
		from, to := x, x+w
		if to > wide {
			anchor, from, to = "end", x-w, x
		}
		line := slices.IndexFunc(ends, func(end float64) bool { return from > end })
		if line < 0 {
			line, ends = len(ends), append(ends, 0)
		}
		ends[line] = to
		l.Marks = append(l.Marks, Line{X: x, Y: 14 + 16*float64(line), Text: f.text, Class: f.class, Anchor: anchor})
	}
	return 8 + 16*float64(max(1, len(ends)))
}

// acts in the words of people.
var acts = map[string]string{"apply": "objects created", "delete-pod": "pod deleted", "kill-container": "VM killed", "rollout": "rollout begins", "void": "not as planned", "inject": "fault injected"}

func actText(a picture.Act) string {
	what := cmp.Or(acts[a.What], a.What)
	if a.What == "inject" && a.Why != "" {
		what, _, _ = strings.Cut(a.Why, ":")
	} else if a.Pod != "" {
		what += " " + a.Pod
	}
	if r := []rune(what); len(r) > 64 {
		what = string(r[:63]) + "…"
	}
	return what
}

// row is one lane.
func (s *Scenario) row(name, number string, lane picture.Lane, life []picture.Span, y float64, m measure) LaneRow {
	r := LaneRow{Label: short(name), Number: number, Y: y, H: m.lane, Font: m.font}
	r.Mid = y + m.life + 2 + (m.lane-m.life-4)/2 + 1
	for _, l := range life {
		if m.life == 0 {
			break // that of all nodes
		}
		if l.To < s.Begin {
			continue
		}
		r.Life = append(r.Life, Band{X: s.x(l.From), W: max(0.5, s.x(l.To)-s.x(l.From)), Y: y + 2, H: m.life, Class: string(l.Stage), Text: string(l.Stage) + " " + Seconds(l.From)})
	}
	r.Bed, r.BedH = r.Mid-m.half, 2*m.half
	r.Believes, r.BelievesDead = s.area(lane.Believes, lane.Of, r.Mid, -m.half)
	r.Links, r.LinksDead = s.area(lane.Links, lane.Of, r.Mid, m.half)
	begin, end := time.Duration(0), s.End
	if n := len(life); n > 0 {
		begin, end = life[0].From, life[n-1].To
	}
	r.Unseen = append(s.blind(lane.Believes, begin, end, life, r.Mid-m.half, m.half), s.blind(lane.Links, begin, end, life, r.Mid, m.half)...)
	for _, u := range s.Unseen {
		if u.Who == recording.ByKube && m.life > 0 { // the pods' states were not seen
			r.Unseen = append(r.Unseen, Band{X: s.x(u.From), W: s.x(u.To) - s.x(u.From), Y: y + 2, H: m.life})
		}
	}
	last := func(steps []picture.Step) string {
		n := len(steps)
		if n == 0 || !steps[n-1].Known {
			return "not seen"
		}
		return fmt.Sprintf("%d of %d", steps[n-1].N, lane.Of)
	}
	r.Says = fmt.Sprintf("%s: at the end it sees %s, and is connected to %s", name, last(lane.Believes), last(lane.Links))
	return r
}

// short is a name for which there is little room: its end tells pods apart.
func short(name string) string {
	const most, begin = 30, 8
	r := []rune(name)
	if len(r) <= most {
		return name
	}
	return string(r[:begin]) + "…" + string(r[len(r)-(most-begin-1):])
}

// busy is the time in which any VM runs, as if it were one.
func (s *Scenario) busy() []picture.Span {
	all := picture.Span{Stage: "running", From: s.End, To: s.End}
	for _, p := range s.Pods {
		for _, l := range p.Life {
			if l.Stage != "created" {
				all.From = min(all.From, l.From)
				break
			}
		}
	}
	return []picture.Span{all}
}

// area is a path from the middle, as high as the part of the others that is seen; and one with those that are dead, "" without any.
func (s *Scenario) area(steps []picture.Step, of int, mid, half float64) (living, dead string) {
	var path, all strings.Builder
	draw := func(b *strings.Builder, count func(picture.Step) int) {
		on := false
		for i, st := range steps {
			h := 0.0
			if of > 0 && st.Known {
				h = half * min(1, float64(count(st))/float64(of))
			}
			end := s.End
			if i+1 < len(steps) {
				end = steps[i+1].T
			}
			switch {
			case h != 0 && !on:
				fmt.Fprintf(b, "M%.1f %.1f", s.x(st.T), mid)
				on = true
			case h == 0 && on:
				fmt.Fprintf(b, "V%.1fZ", mid)
				on = false
			}
			if on {
				fmt.Fprintf(b, "V%.1fH%.1f", mid+h, s.x(end))
			}
		}
		if on {
			fmt.Fprintf(b, "V%.1fZ", mid)
		}
	}
	draw(&path, func(st picture.Step) int { return st.N })
	if slices.ContainsFunc(steps, func(st picture.Step) bool { return st.Dead > 0 }) {
		draw(&all, func(st picture.Step) int { return st.N + st.Dead })
	}
	return path.String(), all.String()
}

// blind are the times in which the pod's VM ran and nothing was seen.
func (s *Scenario) blind(steps []picture.Step, begin, end time.Duration, life []picture.Span, y, h float64) []Band {
	var all []Band
	add := func(from, to time.Duration) {
		if x, w := s.x(from), s.x(to)-s.x(from); w > 0.5 {
			all = append(all, Band{X: x, W: w, Y: y, H: h})
		}
	}
	unseen := func(from, to time.Duration) {
		for _, l := range life {
			if l.Stage != "created" && l.Stage != "down" && l.From < to && l.To > from {
				add(max(from, l.From), min(to, l.To))
			}
		}
	}
	at := begin
	for i, st := range steps {
		if i == 0 {
			unseen(at, st.T)
		}
		at = end
		if i+1 < len(steps) {
			at = steps[i+1].T
		}
		if !st.Known {
			unseen(st.T, at)
		}
	}
	if len(steps) == 0 {
		unseen(begin, end)
	}
	return all
}

// ticks are times for an axis: not more than twelve.
func ticks(begin, end time.Duration) []time.Duration {
	var all []time.Duration
	for _, step := range []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, 20 * time.Minute, time.Hour} {
		if (end-begin)/step > 12 {
			continue
		}
		for t := (begin + step - 1) / step * step; t <= end; t += step {
			all = append(all, t)
		}
		return all
	}
	return []time.Duration{begin, end}
}

// PhaseBar is a phase beside its budget, on the time axis of the scenario.
type PhaseBar struct {
	picture.Group
	X, W    float64 // of the bar
	Limit   float64 // where the budget ends; 0 without one, or beyond the picture
	Over    bool
	Took    string
	Allowed string
}

// Bars are the phases.
func (s *Scenario) Bars() []PhaseBar {
	const wide = 560.0
	x := func(t time.Duration) float64 { return wide * s.part(t) }
	var all []PhaseBar
	for _, p := range picture.Grouped(s.Phases) {
		b := PhaseBar{Group: p, X: x(p.From), Took: p.Exactly()}
		b.W = max(1.5, x(p.To)-b.X)
		b.X = min(b.X, wide-b.W)
		if p.Budget > 0 {
			b.Allowed, b.Over = Seconds(p.Budget), p.Unseen == "" && p.Took()-p.Error > p.Budget
			if p.From+p.Budget < s.End {
				b.Limit = x(p.From + p.Budget)
			}
		}
		all = append(all, b)
	}
	return all
}
