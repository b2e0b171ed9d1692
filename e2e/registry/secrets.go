package registry

import (
	"encoding/base64"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/google"
)

// keychain is where credentials come from: docker's configuration and helpers, then Google's tools.
func keychain() authn.Keychain { return authn.NewMultiKeychain(authn.DefaultKeychain, google.Keychain) }

// Secrets are the passwords and tokens that a push sends, in the forms in which they are sent. What is wrong with them is seen then.
func (p Prefix) Secrets() (all [][]byte) {
	repo, err := name.NewRepository(p.text, p.options...)
	if err != nil {
		return nil
	}
	auth, err := keychain().Resolve(repo)
	if err != nil {
		return nil
	}
	c, err := auth.Authorization()
	if err != nil {
		return nil
	}
	for _, secret := range []string{c.Password, c.Auth, c.IdentityToken, c.RegistryToken} {
		if secret != "" {
			all = append(all, []byte(secret))
		}
	}
	if c.Password != "" {
		all = append(all, []byte(base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password))))
	}
	return all
}
