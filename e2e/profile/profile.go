package profile

import (
	"fmt"
	"time"
)

// APIVersion is the version of the profile format.
const APIVersion = "meshproof.dev/v1alpha1"

// Profile is the file a user writes. Everything that can be inferred from the manifests may be left out.
type Profile struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"` // "Profile"
	Metadata   Metadata `yaml:"metadata"`
	Spec       Spec     `yaml:"spec"`
}

// Metadata names a profile or a mutant.
type Metadata struct {
	Name string `yaml:"name"`
}

// Spec says what to deploy and what to hold it to.
type Spec struct {
	// Manifests are files, relative to the profile's own folder; globs are allowed.
	Manifests []string `yaml:"manifests"`
	// Images says how images that the manifests name are made or had. An image that is not listed must be
	// pullable by the cluster's nodes.
	Images []Image `yaml:"images"`
	Cookie Cookie  `yaml:"cookie"`
	// Discovery describes the app's own search for its peers.
	Discovery Discovery `yaml:"discovery"`
	Budgets   Budgets   `yaml:"budgets"`
	// Console are commands of the app's own command line that must work in a running container.
	Console []Command `yaml:"console"`
	// Skip leaves checks out, each with the reason that the report shows.
	Skip map[string]string `yaml:"skip"`
	// Waive judges a check but does not let its failure change the exit code, each with the reason.
	Waive map[string]string `yaml:"waive"`
}

// Image says how one image of the manifests is had: exactly one of the sources is set.
type Image struct {
	Name    string `yaml:"name"`    // as the manifests name it
	Build   string `yaml:"build"`   // folder with a Dockerfile, relative to the profile's folder
	Archive string `yaml:"archive"` // image archive (tar), relative to the profile's folder
	Local   string `yaml:"local"`   // reference in the local engine
	Pull    string `yaml:"pull"`    // reference that the engine pulls
}

// Cookie says where the distribution cookie lies. Its value never enters a profile.
type Cookie struct {
	SecretKeyRef SecretKeyRef `yaml:"secretKeyRef"`
}

// SecretKeyRef names one key of a Secret among the manifests.
type SecretKeyRef struct {
	Name string `yaml:"name"`
	Key  string `yaml:"key"`
}

// Command is one command that is run in a running container, and what its output must hold.
type Command struct {
	Name   string   `yaml:"name" json:"name"`
	Run    []string `yaml:"run" json:"run"`
	TTY    bool     `yaml:"tty" json:"tty,omitempty"`     // give it a terminal
	Input  string   `yaml:"input" json:"input,omitempty"` // typed once it runs; the command is ended when its output has Expect
	Expect string   `yaml:"expect" json:"expect"`
}

// Discovery describes how often the app looks for its peers.
type Discovery struct {
	Interval Duration `yaml:"interval"`
}

// Budgets are the times that the profile allows. A run that needs longer fails, and says what it last saw.
type Budgets struct {
	// Formation is the time from when all pods are Ready to a full mesh that has held.
	Formation Duration `yaml:"formation" json:"formation"`
	// Recovery is the time from the deletion of a pod to a full mesh with its replacement.
	Recovery Duration `yaml:"recovery" json:"recovery"`
	// StaleName is the time from the exit of a container until its node's name is out of every view and
	// its address out of DNS.
	StaleName Duration `yaml:"staleName" json:"staleName"`
}

// Duration is a time.Duration that reads and writes as "10s" in YAML and JSON.
type Duration time.Duration

// UnmarshalText reads a Go duration such as "1m30s".
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 10s or 1m30s", b)
	}
	if v <= 0 {
		return fmt.Errorf("%q is not a positive duration", b)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes the duration as Go does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// D is the duration as the standard library's type.
func (d Duration) D() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return time.Duration(d).String() }

// Decode reads a profile file strictly. path is used in errors only.
func Decode(path string, data []byte) (*Profile, error) {
	var p Profile
	if err := strict(path, data, &p); err != nil {
		return nil, err
	}
	if err := kind(path, p.APIVersion, p.Kind, "Profile"); err != nil {
		return nil, err
	}
	switch {
	case p.Metadata.Name == "":
		return nil, fmt.Errorf("%s: metadata.name is missing", path)
	case len(p.Spec.Manifests) == 0:
		return nil, fmt.Errorf("%s: spec.manifests is empty: there is nothing to deploy", path)
	case p.Spec.Cookie.SecretKeyRef.Name == "" || p.Spec.Cookie.SecretKeyRef.Key == "":
		return nil, fmt.Errorf("%s: spec.cookie.secretKeyRef needs name and key: without the cookie no node can be asked for its view", path)
	}
	for i, c := range p.Spec.Console {
		if c.Name == "" || len(c.Run) == 0 || c.Expect == "" {
			return nil, fmt.Errorf("%s: spec.console[%d] needs name, run and expect", path, i)
		}
	}
	for i, im := range p.Spec.Images {
		n := 0
		for _, s := range []string{im.Build, im.Archive, im.Local, im.Pull} {
			if s != "" {
				n++
			}
		}
		if im.Name == "" || n != 1 {
			return nil, fmt.Errorf("%s: spec.images[%d] needs a name and exactly one of build, archive, local, pull", path, i)
		}
	}
	return &p, nil
}
