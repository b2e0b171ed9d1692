package reports

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/judge"
	"meshproof.dev/meshproof/e2e/view"
)

var writeSchema = flag.Bool("write", false, "write docs/report.schema.json anew")

const (
	schemaFile = "../docs/report.schema.json"
	generate   = "go test ./reports -run TestReportSchemaIsCurrent -write"
)

// wordsOf are the values of types that are words.
var wordsOf = map[reflect.Type][]any{
	reflect.TypeFor[judge.Verdict](): {judge.Pass, judge.Fail, judge.Unknown, judge.Skip, judge.Blocked, judge.Waived, judge.Advised, judge.Accepted, judge.Suppressed},
	reflect.TypeFor[check.Level]():   {check.Required, check.Latent, check.Advice},
	reflect.TypeFor[check.Outcome](): {check.Pass, check.Fail, check.Unseen, check.NotApplicable},
	reflect.TypeFor[view.Stage]():    {view.Created, view.Running, view.IsReady, view.Leaving, view.Down},
}

// described are the comments of all fields of structs in the packages whose types are in a report, by "package.Type.Field".
func described(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, dir := range []string{".", "picture", "../e2e/judge", "../e2e/check", "../e2e/check/evidence", "../e2e/view"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				spec, is := n.(*ast.TypeSpec)
				if !is {
					return true
				}
				if s, is := spec.Type.(*ast.StructType); is {
					for _, field := range s.Fields.List {
						for _, id := range field.Names {
							all[f.Name.Name+"."+spec.Name.Name+"."+id.Name] = strings.Join(strings.Fields(field.Doc.Text()+" "+field.Comment.Text()), " ")
						}
					}
				}
				return true
			})
		}
	}
	return all
}

// schemaOf is the schema of a type as encoding/json writes it.
func schemaOf(t reflect.Type, comments map[string]string) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[time.Duration]():
		return map[string]any{"type": "integer"}
	case wordsOf[t] != nil:
		return map[string]any{"enum": wordsOf[t]}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), comments)
	case reflect.Struct:
		s := map[string]any{"type": "object"}
		properties, required := map[string]any{}, []string{}
		fields(t, func(name string, f reflect.StructField, of reflect.Type, always bool) {
			p := schemaOf(f.Type, comments)
			if d := comments[pkg(of)+"."+of.Name()+"."+f.Name]; d != "" {
				p["description"] = d
			}
			if properties[name] = p; always {
				required = append(required, name)
			}
		})
		slices.Sort(required)
		s["properties"], s["required"] = properties, required
		return s
	case reflect.Slice:
		return map[string]any{"type": []string{"array", "null"}, "items": schemaOf(t.Elem(), comments)}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	}
	return map[string]any{"type": "integer"}
}

func pkg(t reflect.Type) string { return t.PkgPath()[strings.LastIndexByte(t.PkgPath(), '/')+1:] }

// fields are those of a struct, with those of the structs that it embeds; one of its own comes before.
func fields(t reflect.Type, give func(name string, f reflect.StructField, of reflect.Type, always bool)) {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		switch name, options, _ := strings.Cut(tag, ","); {
		case f.Anonymous && tag == "":
			fields(f.Type, give)
		case name != "-":
			give(name, f, t, !strings.Contains(options, "omit"))
		}
	}
}

// The schema is what the types say; fields may be added, so a program that reads a report has to let others pass.
func TestReportSchemaIsCurrent(t *testing.T) {
	s := schemaOf(reflect.TypeFor[Run](), described(t))
	s["$schema"], s["$id"], s["title"] = "https://json-schema.org/draft/2020-12/schema", "https://meshproof.dev/schema/report-v1.json", "report.json of meshproof"
	s["description"] = "Written by every run, and by run, lint and judge with -o json. Fields may be added; none changes its meaning. Times are in nanoseconds."
	properties, _ := s["properties"].(map[string]any)
	properties["apiVersion"] = map[string]any{"const": Version}
	want, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *writeSchema {
		if err = os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(schemaFile); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the types say (%v): %s", schemaFile, err, generate)
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err = c.AddResource("report.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// Reports on real recordings, and those of runs that ended early, are what the schema says; what is no report is not.
func TestReportsAreValid(t *testing.T) {
	s := compiled(t)
	all := map[string]*Run{"nothing ran": {}, "every verdict": run(judge.Pass, judge.Fail, judge.Unknown, judge.Skip, judge.Blocked, judge.Waived, judge.Advised, judge.Accepted, judge.Suppressed)}
	for _, name := range []string{"dns-a", "cookie-differs", "link-dropped", "selector-typo", "no-agents"} {
		all[name] = judged(t, recorded(t, name)...)
	}
	all["nothing ran"].Leftovers = []Leftover{{What: "a"}}
	all["nothing ran"].Close(nil, began)
	all["every verdict"].Close(nil, began)
	for name, r := range all {
		var b bytes.Buffer
		if err := JSON(&b, r); err != nil {
			t.Fatal(err)
		}
		if err := valid(t, s, b.Bytes()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for was, is := range map[string]string{`"verdict": "`: `"verdict": "very `, `"apiVersion": "`: `"apiVersion": "x`, `"failed": `: `"failed": "1", "x": `} {
			if bad := bytes.Replace(b.Bytes(), []byte(was), []byte(is), 1); !bytes.Equal(bad, b.Bytes()) && valid(t, s, bad) == nil {
				t.Errorf("%s with %s is valid, too", name, is)
			}
		}
	}
}
