package registry

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/google"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// explain says what was seen and what to do. It never says what the credentials are.
func (p Prefix) explain(ctx context.Context, repo name.Repository, err error) error {
	host := repo.RegistryStr()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var refused *transport.Error
	var unknownCA x509.UnknownAuthorityError
	var otherName x509.HostnameError
	switch {
	case errors.As(err, &refused) && refused.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%s answers 401 (%s) to %s; log in as the tools of the registry do it (docker login %s, gcloud auth configure-docker)", host, reason(refused), credentials(repo), host)
	case errors.As(err, &refused) && refused.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s answers 403 (%s) to %s: they do not include pushing to %s", host, reason(refused), credentials(repo), repo.RepositoryStr())
	case errors.As(err, &refused) && refused.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s answers 404 (%s): it has no place for %s; where repositories must be made before they are pushed to, make it first", host, reason(refused), repo.RepositoryStr())
	case errors.As(err, &unknownCA):
		return fmt.Errorf("the certificate of %s is of an authority that this machine does not know (%s); set SSL_CERT_FILE to a file with that authority's certificate", host, unknownCA.Error())
	case errors.As(err, &otherName):
		return fmt.Errorf("the certificate of %s is for another name (%s)", host, otherName.Error())
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return fmt.Errorf("%s speaks no TLS; if that is meant, write http://%s", host, p.text)
	case errors.As(err, &refused):
		return fmt.Errorf("%s answers %d (%s)", host, refused.StatusCode, reason(refused))
	}
	return fmt.Errorf("no connection to %s: %w", host, err)
}

// reason is the registry's own word for the refusal.
func reason(e *transport.Error) string {
	var all []string
	for _, d := range e.Errors {
		all = append(all, strings.TrimSpace(string(d.Code)+" "+d.Message))
	}
	if len(all) == 0 {
		return http.StatusText(e.StatusCode)
	}
	return strings.Join(all, "; ")
}

// credentials names what was sent: whose it is, never what it is.
func credentials(repo name.Repository) string {
	for _, keys := range []struct {
		where string
		authn.Keychain
	}{{"docker's configuration", authn.DefaultKeychain}, {"Google's tools", google.Keychain}} {
		auth, err := keys.Resolve(repo)
		if err != nil {
			return fmt.Sprintf("no credentials: %s has an error: %v", keys.where, err)
		}
		if auth == authn.Anonymous {
			continue
		}
		user := ""
		if c, err := auth.Authorization(); err == nil && c.Username != "" {
			user = " (user " + c.Username + ")"
		}
		return "the credentials in " + keys.where + user
	}
	return "no credentials: there are none for it in docker's configuration or Google's tools"
}
