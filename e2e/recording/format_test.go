package recording

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// kinds are the fields of Event that are its kinds.
func kinds() []reflect.StructField {
	var all []reflect.StructField
	t := reflect.TypeFor[Event]()
	for i := range t.NumField() {
		if t.Field(i).Type.Kind() == reflect.Pointer {
			all = append(all, t.Field(i))
		}
	}
	return all
}

func jsonName(f reflect.StructField) (name string, optional bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name, options != ""
}

// typeWord is a field's type in the words of the document.
func typeWord(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "ns"
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t == reflect.TypeFor[json.RawMessage]():
		return "object"
	case t == reflect.TypeFor[[]string]():
		return "strings"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Map:
		return "map of " + typeWord(t.Elem()) + "s"
	case t.Kind() == reflect.String:
		return "string"
	case t.Kind() == reflect.Bool:
		return "bool"
	default:
		return "number"
	}
}

// described are the table rows that the types ask for, by the section that they have to be in.
func described() map[string][]string {
	all := map[string][]string{}
	var add func(section string, t reflect.Type)
	add = func(section string, t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Type.Kind() == reflect.Pointer {
				continue
			}
			name, optional := jsonName(f)
			row := "`" + name + "`"
			if optional {
				row += " ?"
			}
			all[section] = append(all[section], row+" | "+typeWord(f.Type))
			if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
				add(section+"."+name+"[]", f.Type.Elem())
			}
		}
	}
	add("Header", reflect.TypeFor[Header]())
	add("Events", reflect.TypeFor[Event]())
	for _, k := range kinds() {
		name, _ := jsonName(k)
		add(name, k.Type.Elem())
	}
	return all
}

var (
	heading = regexp.MustCompile("^#{2,4} `?([^`]+)`?$")
	row     = regexp.MustCompile("^\\| (`[^`]+`(?: \\?)? \\| [a-z ]+?) \\|")
)

// The document tells of every event and every field, with its type, and of none that there is not.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/recording.md")
	if err != nil {
		t.Fatal(err)
	}
	written, section := map[string][]string{}, ""
	for _, line := range strings.Split(string(text), "\n") {
		if m := heading.FindStringSubmatch(line); m != nil {
			section = m[1]
		}
		if m := row.FindStringSubmatch(line); m != nil {
			written[section] = append(written[section], m[1])
		}
	}
	want := described()
	for section, rows := range want {
		if !slices.Equal(written[section], rows) {
			t.Errorf("docs/recording.md, %s has the rows\n  %s\nand must have, in this order\n  %s", section, strings.Join(written[section], "\n  "), strings.Join(rows, "\n  "))
		}
	}
	for section := range written {
		if want[section] == nil && section != "Types and units" && section != "Outcomes" {
			t.Errorf("docs/recording.md describes %s, which is no event", section)
		}
	}
	for _, o := range []Outcome{OK, Refused, Timeout, Rejected, Unreachable, Silent, Denied, Nok, Alive, TLSAlert, TLSRefused, ProbeError} {
		if !strings.Contains(string(text), "`"+string(o)+"`") {
			t.Errorf("docs/recording.md does not explain the outcome %s", o)
		}
	}
	if !strings.Contains(string(text), "`"+Format+"`") {
		t.Errorf("docs/recording.md is not about %s", Format)
	}
}

// fill sets everything in v to something that is not its zero value, and not twice the same.
func fill(v reflect.Value, n *int) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, *n, time.UTC)))
		return
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		v.SetBytes(fmt.Appendf(nil, `{"n":%d}`, *n))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.String:
		v.SetString(fmt.Sprintf("s%d \"<&>\" ü\n", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint8:
		v.SetUint(uint64(*n%255 + 1))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	default:
		v.SetInt(int64(*n))
	}
}

// full is an event of each kind with every field set.
func full() []Event {
	var all []Event
	n := 0
	for _, k := range kinds() {
		e := Event{T: time.Duration(n), By: "agent/n"}
		fill(reflect.ValueOf(&e).Elem().FieldByIndex(k.Index), &n)
		all = append(all, e)
	}
	return all
}

func TestEveryFieldOfEveryEventComesBack(t *testing.T) {
	header, _ := sample()
	// Again and the end are the file's own.
	want := slices.DeleteFunc(full(), func(e Event) bool { return e.Again != nil || e.End != nil })
	var got []Event
	h, err := Read(strings.NewReader(text(t, want)), func(e Event) { got = append(got, e) })
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(h, header) {
		t.Errorf("header %+v, want %+v", h, header)
	}
	for i := range want {
		if i >= len(got) || !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("%v came back as\n%+v", want[i].Kinds(), got[min(i, len(got)-1)])
		}
	}
}

// text is the file with these events.
func text(t testing.TB, events []Event) string {
	t.Helper()
	h, _ := sample()
	var b strings.Builder
	w := NewWriter(&b, h)
	for _, e := range events {
		w.Write(e)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestKinds(t *testing.T) {
	if k := (&Event{}).Kinds(); len(k) != 0 {
		t.Errorf("an empty event is %v", k)
	}
	if k := (&Event{DNS: &DNS{}, VM: &VM{}}).Kinds(); !slices.Equal(k, []string{"dns", "vm"}) {
		t.Errorf("an event of two kinds is %v", k)
	}
}
