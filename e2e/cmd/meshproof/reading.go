package main

import (
	"fmt"
	"slices"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
	"meshproof.dev/meshproof/e2e/view"
	"meshproof.dev/meshproof/e2e/workload"
	"meshproof.dev/meshproof/reports"
)

// readings says of a workload how much lint could read, and whether that is anything of an Erlang application. A profile says
// itself which objects are the application, and where its cookie is.
func readings(p *reports.Profile, w *workload.Workload, v *view.View) error {
	required, err := w.RenderRequires(nil)
	if err != nil {
		return err
	}
	if w.Read != "" {
		p.Reading = append(p.Reading, reports.Reading{What: "read", Seen: []string{w.Read}})
	}
	all := objects.Readings(v)
	for _, r := range all {
		if r.What == objects.Missing {
			r.Seen = slices.DeleteFunc(r.Seen, func(what string) bool {
				for _, d := range required.Documents {
					if strings.HasPrefix(what, d.String()+",") || strings.HasPrefix(what, d.String()+" ") {
						return true
					}
				}
				return false
			})
			if len(r.Seen) == 0 {
				continue
			}
		}
		if ref := w.Profile.Spec.Cookie.SecretKeyRef; r.What == "cookie" && ref.Name != "" {
			r.Seen = append(r.Seen, fmt.Sprintf("key %s of Secret %s, named by the profile", ref.Key, ref.Name))
		}
		p.Reading = append(p.Reading, reports.Reading{What: r.What, Seen: r.Seen})
	}
	if w.Profile.Spec.Cookie.SecretKeyRef.Name == "" && !objects.Speaks(all) {
		p.Unread = "nothing here speaks of Erlang: no node name, no cookie, no flag of a VM and no port of epmd was seen in the manifests, so what passed says little. Where the image or a file outside has them, only a run can see them: meshproof init, then meshproof run."
		if image := byImage(p.Notes); image != "" {
			p.Unread = strings.Replace(p.Unread, "nothing here speaks of Erlang: ", "only the image speaks of Erlang ("+image+"): ", 1)
		}
	}
	for _, n := range p.Notes {
		if p.Unread != "" && strings.HasPrefix(n, "not rendered: ") {
			p.Unread += " " + strings.ToUpper(n[:1]) + n[1:]
			break
		}
	}
	if len(w.Unjudged) > 0 {
		p.Unread = strings.TrimSpace(p.Unread + " Not judged: " + strings.Join(check.FirstOf(w.Unjudged, 3), "; "))
	}
	return nil
}

// byImage is the image by which the nodes were found, as the notes say it, "" if something else shows them.
func byImage(notes []string) string {
	for _, n := range notes {
		if _, image, is := strings.Cut(n, " are nodes: it runs the image "); is {
			return image
		}
	}
	return ""
}
