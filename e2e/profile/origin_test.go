package profile

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func settings(t *testing.T, text string) map[string]Setting {
	t.Helper()
	p, err := Decode("p.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r, err := resolve(p, manifests)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]Setting{}
	for _, s := range Settings(p, r) {
		if _, twice := all[s.Name]; twice {
			t.Errorf("%s is there twice", s.Name)
		}
		all[s.Name] = s
	}
	return all
}

func TestSettingsTellTheOrigin(t *testing.T) {
	got := settings(t, good+"  discovery: {interval: 7s}\n  skip: {mesh/stable: one shot}\n  nodes: 3\n  expect: {topology: component}\n  env: {RELEASE_COOKIE: worth-nothing}\n")
	for name, want := range map[string]Setting{
		"name":              {Value: "shop", Origin: InProfile},
		"workloads[0]":      {Value: "StatefulSet shop, 3 replicas of shop, labels app=shop, tier=web", Origin: Inferred},
		"services":          {Value: "shop", Origin: Inferred},
		"service":           {Value: "shop", Origin: Inferred},
		"epmdPort":          {Value: "4369", Origin: Default},
		"distPort":          {Value: "9100", Origin: Inferred},
		"interval":          {Value: "7s", Origin: InProfile},
		"hold":              {Value: "21s", Origin: Inferred},
		"budgets.formation": {Value: "1m30s", Origin: Default},
		"budgets.recovery":  {Value: "5m0s", Origin: InProfile},
		"skip":              {Value: "mesh/stable=one shot", Origin: InProfile},
		"waive":             {Value: "(none)", Origin: Default},
		"manifests":         {Value: "deploy.yaml", Origin: InProfile},
		"requires":          {Value: "(none)", Origin: Default},
		"namespace":         {Value: "(a fresh one)", Origin: Default},
		"nodes":             {Value: "3", Origin: InProfile},
		"expect.topology":   {Value: "component", Origin: InProfile},
		"expect.discovery":  {Value: "continuous", Origin: Default},
		"env":               {Value: "RELEASE_COOKIE", Origin: InProfile},
		"images[0]":         {Value: "shop: build .", Origin: InProfile},
		"cookie":            {Value: "key cookie of Secret shop", Origin: InProfile},
		"tls":               {Value: "(none)", Origin: Default},
	} {
		if want.Name = name; got[name] != want {
			t.Errorf("%s: %+v, want %+v", name, got[name], want)
		}
	}
	plain := strings.Replace(good, "manifests: [deploy.yaml]", "command: [cat, deploy.yaml]", 1)
	plain = strings.Replace(plain, "  images: [{name: shop, build: .}]\n", "", 1)
	if s := settings(t, plain); s["command"] != (Setting{"command", `["cat" "deploy.yaml"]`, InProfile}) || s["images[0]"] != (Setting{"images[0]", "shop: present on the nodes, or pulled by them", Inferred}) || s["nodes"] != (Setting{"nodes", "1", Default}) {
		t.Errorf("command %+v, images %+v, nodes %+v", s["command"], s["images[0]"], s["nodes"])
	}
	if s := settings(t, good); s["interval"].Origin != Default || s["hold"] != (Setting{"hold", "10s", Default}) {
		t.Errorf("interval %+v, hold %+v", s["interval"], s["hold"])
	}
}

// Nothing of a resolved profile is kept from whoever asks how it was understood.
func TestSettingsAreComplete(t *testing.T) {
	got := settings(t, good)
	var check func(prefix string, typ reflect.Type)
	check = func(prefix string, typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			name = prefix + name
			switch {
			case f.Type.Kind() == reflect.Struct:
				check(name+".", f.Type)
			case name == "mutant": // of mutants only
			default:
				_, plain := got[name]
				if _, first := got[name+"[0]"]; !plain && !first {
					t.Errorf("%s is not among the settings", name)
				}
			}
		}
	}
	check("", reflect.TypeFor[Resolved]())
}

func TestMutantsBudgetIsSaid(t *testing.T) {
	p, err := Decode("p.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	r, err := resolve(p, manifests)
	if err != nil {
		t.Fatal(err)
	}
	r.Mutant, r.Budgets.Formation = "m", Duration(33*time.Second)
	for _, s := range Settings(p, r) {
		if s.Name == "mutant" && s.Origin != InProfile || s.Name == "budgets.formation" && (s.Origin != InProfile || s.Value != "33s") {
			t.Errorf("%+v", s)
		}
	}
}
