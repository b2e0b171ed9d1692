package environment

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/files"
)

// readPullSecret reads the passwords that the nodes pull with: from a file, or else from a Secret of the cluster.
func (e *Environment) readPullSecret(ctx context.Context, client kubernetes.Interface) error {
	from := e.options.PullSecret
	if from == "" {
		return nil
	}
	data, err := pullSecret(ctx, client, from)
	if err == nil {
		err = e.guardDockerConfig(data)
	}
	if err != nil {
		return fmt.Errorf("pull secret %s: %w", from, err)
	}
	e.pullSecret, e.PullSecret = data, fmt.Sprintf("meshproof-pull-%05d", rand.IntN(100000))
	return nil
}

func pullSecret(ctx context.Context, client kubernetes.Interface, from string) ([]byte, error) {
	if _, err := os.Stat(from); err == nil {
		data, err := files.Read(from)
		return data, exitcode.With(exitcode.Usage, err)
	}
	namespace, name, both := strings.Cut(from, "/")
	if !both || namespace == "" || name == "" || strings.Contains(name, "/") {
		return nil, exitcode.With(exitcode.Usage, errors.New("there is no such file, and it does not name a Secret either: write NAMESPACE/NAME"))
	}
	s, err := client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, exitcode.With(exitcode.Unavailable, err)
	}
	if s.Type != corev1.SecretTypeDockerConfigJson {
		return nil, exitcode.With(exitcode.Usage, fmt.Errorf("its type is %s, and a pull secret's is %s", s.Type, corev1.SecretTypeDockerConfigJson))
	}
	return s.Data[corev1.DockerConfigJsonKey], nil
}

// guardDockerConfig guards the passwords in docker's configuration. It is an error if it has none: where docker keeps them in a
// helper, the nodes could not get at them.
func (e *Environment) guardDockerConfig(data []byte) error {
	var config struct {
		Auths map[string]struct {
			Auth, Password, IdentityToken, RegistryToken string
		}
	}
	if json.Unmarshal(data, &config) != nil { // whose error might cite it
		return exitcode.With(exitcode.Usage, errors.New("it is not docker's configuration: it is no JSON of that form"))
	}
	found := false
	for _, a := range config.Auths {
		_, password, _ := strings.Cut(decoded(a.Auth), ":")
		for _, secret := range []string{a.Auth, password, a.Password, a.IdentityToken, a.RegistryToken} {
			if secret != "" {
				found = true
				e.options.Guard([]byte(secret))
			}
		}
	}
	if !found {
		return exitcode.With(exitcode.Usage, errors.New("no password is in it (docker keeps them in a helper, perhaps): make one with kubectl create secret docker-registry, and name that as NAMESPACE/NAME"))
	}
	return nil
}

func decoded(auth string) string {
	b, err := base64.StdEncoding.DecodeString(auth)
	if err != nil {
		return ""
	}
	return string(b)
}

// CreatePullSecret creates the run's pull secret in a namespace in which it has pods, if the nodes need one.
func (e *Environment) CreatePullSecret(ctx context.Context, client kubernetes.Interface, namespace string) error {
	if e.pullSecret == nil {
		return nil
	}
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: e.PullSecret, Namespace: namespace}, Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: e.pullSecret},
	}
	e.Run.Mark(s)
	if _, err := client.CoreV1().Secrets(namespace).Create(ctx, s, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("pull secret in namespace %s: %w", namespace, err)
	}
	return nil
}
