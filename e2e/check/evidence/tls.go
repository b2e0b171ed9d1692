package evidence

import (
	"crypto/x509"
	"errors"
	"strings"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

// EachCertificate judges the certificate that each member's node presents in a TLS handshake.
func EachCertificate(v *view.View, judge func(p *view.Pod, own *x509.Certificate, c *recording.Certificate, f *check.Finding)) []check.Finding {
	pods := check.Members(v)
	if len(pods) > 0 && !AnyTLS(pods) {
		return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: NoTLS}}
	}
	return check.EachPod(v, func(p *view.Pod) check.Finding {
		f := check.Finding{Subject: check.OnPod(p), Of: check.PairsTo(v, p), Outcome: check.Pass}
		over, known := p.OverTLS()
		own, e, err := PresentedCertificate(p)
		switch {
		case known && !over:
			f.Skip(p.Name + " uses distribution without TLS")
		case e == nil:
			CertificateUnseen(&f, p)
		case err != nil:
			f.At, f.Outcome, f.Message = e.T, check.Unseen, p.Name+" presents a certificate that cannot be parsed: "+err.Error()
		default:
			f.At = e.T
			judge(p, own, e.Certificate, &f)
		}
		return f
	})
}

// PresentedCertificate is the certificate that the pod's node presented last, and the event that recorded it; nil if none was seen.
func PresentedCertificate(p *view.Pod) (own *x509.Certificate, e *recording.Event, err error) {
	if len(p.Certificates) == 0 {
		return nil, nil, nil
	}
	e = &p.Certificates[len(p.Certificates)-1]
	if len(e.Certificate.Chain) == 0 {
		return nil, e, errors.New("the chain is empty")
	}
	own, err = x509.ParseCertificate(e.Certificate.Chain[0])
	return own, e, err
}

// NoTLS is why checks of TLS do not apply.
const NoTLS = "no node uses TLS for distribution"

// CertificateUnseen says that no TLS handshake was made with the pod's node, which uses TLS.
func CertificateUnseen(f *check.Finding, p *view.Pod) {
	f.Outcome, f.Message = check.Unseen, p.Name+" uses TLS for distribution, and its certificate was not seen: no TLS handshake was completed"
	f.Remedy = "set spec.tls.secret in the profile to the Secret with the ca.crt, tls.crt and tls.key that the nodes use: the harness connects to them with these"
}

// AnyTLS reports whether a node uses TLS for distribution.
func AnyTLS(pods []*view.Pod) bool {
	for _, p := range pods {
		if over, _ := p.OverTLS(); over {
			return true
		}
	}
	return false
}

// Unverified names the first member whose certificate a peer has accepted although, by unfit, a peer that verifies it would not:
// there is a connection that the member accepted, and it is the only one between the two. "" if no peer was seen to do that
// (verify_none).
func Unverified(pods []*view.Pod, unfit func(p *view.Pod) bool) (of, by string) {
	for _, p := range pods {
		if !unfit(p) {
			continue
		}
		for _, q := range pods {
			if q != p && accepted(p, q) {
				return p.Name, q.Name
			}
		}
	}
	return "", ""
}

// accepted reports whether p's node took a connection from q's, of which both know, and made none to it.
func accepted(p, q *view.Pod) bool {
	if len(p.Sockets) == 0 || len(q.Nodes) == 0 {
		return false
	}
	knows := false
	for _, name := range q.Nodes[len(q.Nodes)-1].Nodes.Visible {
		knows = knows || p.Is(name)
	}
	links := view.Links(p.Sockets[len(p.Sockets)-1], p, q)
	for l := range links {
		if !p.Accepts(l) {
			return false
		}
	}
	return knows && len(links) > 0
}

// HostOf is the host part of the pod's node's name, "" where it is not known.
func HostOf(p *view.Pod) string {
	_, host, _ := strings.Cut(p.Node(), "@")
	return host
}
