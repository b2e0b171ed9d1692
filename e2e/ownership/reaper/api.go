package reaper

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// API is the API server, seen from a pod with its ServiceAccount.
type API struct {
	Host       string // "https://10.96.0.1:443"
	Lease      string // its path
	Root       string // its path
	RootUID    string
	TokenFile  string // read for each request: the kubelet replaces the token
	HTTPClient *http.Client
}

// serviceAccount is where the kubelet puts the token and the API server's certificate.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// InCluster is the API server of the cluster that this pod runs on.
func InCluster() (*API, error) {
	a := &API{
		Host:  "https://" + net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")),
		Lease: os.Getenv(LeaseEnv), Root: os.Getenv(RootEnv), RootUID: os.Getenv(RootUIDEnv), TokenFile: filepath.Join(serviceAccount, "token"),
	}
	if a.Lease == "" || a.Root == "" || a.RootUID == "" {
		return nil, fmt.Errorf("%s, %s and %s must be set; the Deployment sets them", LeaseEnv, RootEnv, RootUIDEnv)
	}
	ca, err := os.ReadFile(filepath.Join(serviceAccount, "ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("ca.crt holds no certificate")
	}
	a.HTTPClient = &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
	}
	return a, nil
}

// Renewed reads the Lease.
func (a *API) Renewed(ctx context.Context) (string, error) {
	var lease struct {
		Spec struct {
			RenewTime string `json:"renewTime"`
		} `json:"spec"`
	}
	err := a.ask(ctx, http.MethodGet, a.Lease, "", &lease)
	return lease.Spec.RenewTime, err
}

// DeleteRoot deletes the root, a ClusterRole or the Lease. Where another object has its name it is gone.
func (a *API) DeleteRoot(ctx context.Context) error {
	body := fmt.Sprintf(`{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background","preconditions":{"uid":%q}}`, a.RootUID)
	return a.ask(ctx, http.MethodDelete, a.Root, body, nil)
}

// answerLimit is more than any of the answers has.
const answerLimit = 1 << 20

func (a *API) ask(ctx context.Context, method, path, body string, into any) error {
	token, err := os.ReadFile(a.TokenFile)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, a.Host+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "meshproof-reaper")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := a.HTTPClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	switch {
	case answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusConflict && method == http.MethodDelete:
		return errGone
	case err != nil:
		return err
	case answer.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: %s", method, path, answer.Status)
	case into == nil:
		return nil
	}
	return json.Unmarshal(text, into)
}
