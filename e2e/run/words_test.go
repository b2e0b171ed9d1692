package run

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"meshproof.dev/meshproof"
	"meshproof.dev/meshproof/e2e/check/rules"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/profile"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/recording/secrets"
	"meshproof.dev/meshproof/e2e/scenario"
	"meshproof.dev/meshproof/reports"
)

// unobserved are the results of a run that saw nothing: each check with each verdict, and a recording with an event of each kind
// in which nothing is said but its keys.
func unobserved(t *testing.T) (dir string) {
	t.Helper()
	dir, err := reports.NewDir(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var scenarios []judge.Scenario
	for _, s := range scenario.All() {
		scenarios = append(scenarios, judge.Scenario{Name: s.Name, Why: "the run ended before it"})
	}
	r := &reports.Run{}
	judged := judge.Judge("x", scenarios, rules.All())
	for _, v := range []judge.Verdict{judge.Unknown, judge.Pass, judge.Fail, judge.Skip, judge.Blocked, judge.Waived} {
		p := judged
		p.Results = slices.Clone(judged.Results)
		for i := range p.Results {
			p.Results[i].Verdict = v
		}
		r.Profiles = append(r.Profiles, reports.Profile{Profile: p, Namespace: "x", Recordings: []string{"recordings/x.jsonl"}})
	}
	r.Close(nil, time.Time{})
	if err = reports.Write(dir, r); err != nil {
		t.Fatal(err)
	}
	var resolved profile.Resolved
	fill(reflect.ValueOf(&resolved).Elem())
	header, err := json.Marshal(resolved)
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "recordings", "x.jsonl"), "")
	f, err := os.Create(filepath.Join(dir, "recordings", "x.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	out := recording.NewWriter(f, recording.Header{Profile: header, Scenario: recording.Formation})
	for _, e := range everyKind() {
		out.Write(e)
	}
	if err = out.Close(); err != nil {
		t.Fatal(err)
	}
	if err = f.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// everyKind is an event of each kind with all its keys.
func everyKind() (all []recording.Event) {
	kinds := reflect.TypeFor[recording.Event]()
	for i := range kinds.NumField() {
		if kinds.Field(i).Type.Kind() == reflect.Pointer {
			var e recording.Event
			fill(reflect.ValueOf(&e).Elem().Field(i))
			all = append(all, e)
		}
	}
	return all
}

// fill makes that nothing in v is left out where v is written.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte("{}"))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value)
		v.SetMapIndex(reflect.Zero(v.Type().Key()), value)
	case reflect.String:
		v.SetString("0")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Bool:
		v.SetBool(true)
	}
}

var word = regexp.MustCompile(`\b[A-Za-z][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*`)

// vocabulary is every word of a text, as it is and in small letters, and of a compound every part but numbers ("pod-0").
func vocabulary(text string) []string {
	all := map[string]bool{}
	for _, w := range word.FindAllString(text, -1) {
		for _, part := range append(strings.Split(w, "-"), w) {
			if strings.ContainsFunc(part, unicode.IsLetter) {
				all[part], all[strings.ToLower(part)] = true, true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Somebody's cookie is a common word: node, mesh, default, cluster, cookie. Whatever word of ours it is, its place in our own texts
// is no leak.
func TestNoWordOfOursIsALeak(t *testing.T) {
	dir := unobserved(t)
	words, err := meshproof.Words()
	if err != nil {
		t.Fatal(err)
	}
	all := vocabulary(tree(t, dir) + words)
	if len(all) < 2000 || !slices.Contains(all, "node") || !slices.Contains(all, "testsuite") {
		t.Errorf("these are not our words: %d", len(all))
	}
	leaking := func(cookies []string) []string {
		var known secrets.Redactor
		known.Public(words)
		for _, c := range cookies {
			known.Guard([]byte(c))
		}
		found, err := known.Leaks(dir)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	// Some at once; only where that finds any, each of them alone.
	for some := range slices.Chunk(all, 40) {
		if len(leaking(some)) == 0 {
			continue
		}
		for _, c := range some {
			if found := leaking([]string{c}); len(found) > 0 {
				t.Errorf("the cookie %q: %v", c, found)
			}
		}
	}
}

// The same cookie is redacted where it stands as one, and so are its encoded forms and digests.
func TestEveryWordOfOursIsRedactedAsACookie(t *testing.T) {
	words, err := meshproof.Words()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range vocabulary(words) {
		var known secrets.Redactor
		known.Public(words)
		known.Guard([]byte(c))
		sum := md5.Sum([]byte(c))
		for _, format := range []string{"-setcookie %s -x", "erl +P 1 -cookie '%s'", "RELX_COOKIE=%s", "ERLANG_COOKIE: %s", `{"cookie": "%s"}`, `"{\"cookie\":\"%s\"}"`, "{cookie,%s}", `{"name":"RABBITMQ_ERLANG_COOKIE","value":"%s"}`, "erlang:set_cookie(%s)"} {
			if got, want := known.Text(fmt.Sprintf(format, c)), fmt.Sprintf(format, secrets.Mark); got != want {
				t.Errorf("%q became %q", fmt.Sprintf(format, c), got)
			}
		}
		encoded := []string{base64.StdEncoding.EncodeToString(sum[:]), fmt.Sprintf("%x", sum)}
		if len(c) >= 4 {
			encoded = append(encoded, fmt.Sprintf("%x", c), base64.StdEncoding.EncodeToString([]byte(c)))
		}
		for _, text := range encoded {
			if got := known.Text("it is " + text); strings.Contains(got, text) {
				t.Errorf("%q: %q became %q", c, text, got)
			}
		}
	}
}
