package elsewhere

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"meshproof.dev/meshproof/e2e/registry/registrytest"
)

// pushedAs finds what a run says of an image that it has pushed.
func pushedAs(t *testing.T, output, name string) string {
	t.Helper()
	m := regexp.MustCompile(`registry: (\S+/` + name + `@sha256:[0-9a-f]{64}): `).FindStringSubmatch(output)
	if m == nil {
		t.Fatalf("the image %s was not pushed:\n%s", name, output)
	}
	return m[1]
}

// The nodes of a cluster that is not ours get the images from a registry: one without TLS, and one with TLS and a password.
func TestRegistry(t *testing.T) {
	p := build(t)
	c := somebody(t, p.root, "elsewhere")
	run := append([]string{"run", "-f", "dns-a"}, c.on()...)

	t.Run("plain", func(t *testing.T) {
		r := registrytest.Start(t, registrytest.Options{Address: c.gateway(t)})
		c.trust(t, r, nil)
		to := slices.Concat(run, []string{"--push", r.Host + "/team/meshproof"})
		first := p.run(t, nil, 0, to...)
		says(t, first, ": pushed ")
		for _, name := range []string{"agent", "derl"} {
			c.pulled(t, pushedAs(t, first, name))
		}
		second := p.run(t, nil, 0, to...)
		if strings.Contains(second, ": pushed ") {
			t.Errorf("the second run has sent something:\n%s", second)
		}
		says(t, second, "there already, nothing was sent")
		c.nothingLeft(t)
	})
	t.Run("TLS and a password", func(t *testing.T) {
		ca, err := registrytest.NewAuthority("somebody's")
		if err != nil {
			t.Fatal(err)
		}
		r := registrytest.Start(t, registrytest.Options{Address: c.gateway(t), CA: ca, Password: true})
		c.trust(t, r, ca)
		dir := t.TempDir()
		write := func(name, text string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		login := registrytest.DockerConfig(r.Host, registrytest.User, registrytest.Password)
		config := write("config.json", login)
		env := []string{"SSL_CERT_FILE=" + write("ca.crt", ca.PEM), "DOCKER_CONFIG=" + dir}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "registry"}, Type: corev1.SecretTypeDockerConfigJson, StringData: map[string]string{corev1.DockerConfigJsonKey: login}}
		if _, err := c.client.CoreV1().Secrets("default").Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		to := slices.Concat(run, []string{"--push", r.Host + "/team/meshproof"})
		for _, from := range []string{"default/registry", config} {
			output := p.run(t, env, 0, slices.Concat(to, []string{"--pull-secret", from})...)
			for _, name := range []string{"agent", "derl"} {
				c.pulled(t, pushedAs(t, output, name))
			}
			unsaid(t, "output", output)
			unsaid(t, "results", p.results(t))
			c.nothingLeft(t)
		}
		if _, err := c.client.CoreV1().Secrets("default").Get(t.Context(), "registry", metav1.GetOptions{}); err != nil {
			t.Errorf("somebody's own Secret: %v", err)
		}
		says(t, p.run(t, nil, 69, append(to, "--pull-secret", config)...), "an authority that this machine does not know")
		says(t, p.run(t, env, 69, append(to, "--pull-secret", "default/other")...), `secrets "other" not found`)
	})
}

// unsaid checks that the password is in a text in none of its forms.
func unsaid(t *testing.T, where, text string) {
	t.Helper()
	for _, form := range []string{registrytest.Password, base64.StdEncoding.EncodeToString([]byte(registrytest.User + ":" + registrytest.Password))} {
		if strings.Contains(text, form) {
			t.Errorf("the password is in the %s", where)
		}
	}
}
