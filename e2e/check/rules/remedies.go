package rules

// Remedies are what to do about the diagnoses that lint gives, by check and diagnosis, for who has no finding before them: a finding
// says the same with the names of the reader's objects.
func Remedies() map[string]map[string]string {
	return map[string]map[string]string{
		"manifest/api-current": {
			"removed":    "write the apiVersion that current Kubernetes serves.",
			"deprecated": "let discovery read endpointslices (discovery.k8s.io), or ask DNS, which needs no role.",
		},
		"manifest/accepted": {
			"name":             "write lower-case letters, digits and hyphens.",
			"statefulset-name": "shorten the name to 52 characters, without a dot; of a chart by fullnameOverride or the release's name.",
			"service-name":     "shorten the name to 63 characters: lower-case letters, digits and hyphens.",
			"container-name":   "give each container its own name of lower-case letters, digits and hyphens.",
			"label":            "shorten or correct the label, in the selectors too.",
			"selector":         "write in spec.selector labels that the pod template has.",
			"port-name":        "give each port its own name, of at most 15 lower-case letters, digits and hyphens for a container.",
			"headless-type":    "leave out the type of the headless Service, and make a second Service for the users.",
			"subject":          "add the namespace of the account to the subject of the ClusterRoleBinding.",
			"volume":           "add the volume that is mounted, or correct its name.",
			"no-such-key":      "refer to a key that the Secret or ConfigMap has, or add the key there.",
		},
		"manifest/variables-set": {
			"left-as-is": "define the variable above the one that uses it, in the env of the container, and write $(NAME): Kubernetes replaces no other form, nothing that comes from a ConfigMap, and runs no command.",
			"unset":      "add the variable to the env of the container.",
		},
		"manifest/name-per-pod": {
			"same-name":     "take the host of the name from the pod: $(POD_NAME).SERVICE.NAMESPACE.svc.cluster.local in a StatefulSet, else $(POD_IP), with the variable from fieldRef metadata.name or status.podIP above it.",
			"fixed-address": "take the value from the pod: valueFrom: {fieldRef: {fieldPath: status.podIP}}.",
		},
		"manifest/name-form": {
			"short-with-dots":  "use long names: RELEASE_DISTRIBUTION=name, RABBITMQ_USE_LONGNAME=true, -name instead of -sname.",
			"long-without-dot": "use a host with a domain, or the pod's address.",
			"not-distributed":  "set RELEASE_DISTRIBUTION to name.",
		},
		"manifest/host-resolves": {
			"alone":           "write .SERVICE.NAMESPACE.svc.cluster.local behind the pod's name, with the governing Service of the StatefulSet; for other pods use their address.",
			"not-in-dns":      "use the pod's address as the host, or change the workload to a StatefulSet.",
			"of-the-machine":  "use the pod's own address: fieldRef status.podIP.",
			"other-service":   "write the Service that serviceName of the StatefulSet names.",
			"other-namespace": "write the namespace of the pods: a variable from fieldRef metadata.namespace.",
		},
		"manifest/cookie-flag":       {"misspelt": "write -setcookie instead of -cookie."},
		"manifest/cookie-given":      {"none": "put a cookie into a Secret, and give it to the nodes by the variable that their image reads (RABBITMQ_ERLANG_COOKIE, ERLANG_COOKIE, RELEASE_COOKIE)."},
		"manifest/cookie-reaches-vm": {"tool-only": "write -setcookie ${COOKIE} in vm.args.src, with a variable COOKIE from the Secret key of RELX_COOKIE."},
		"manifest/cookie-in-secret":  {"literal": "put the cookie in a Secret, and take it from there by secretKeyRef."},
		"manifest/cookie-strength": {
			"word":  "put a random one into the Secret: head -c 24 /dev/urandom | base64 | tr -d '+/='.",
			"short": "put a random one into the Secret: head -c 24 /dev/urandom | base64 | tr -d '+/='.",
		},
		"manifest/cookie-file-mode": {
			"too-open":   "let an init container copy the file to an emptyDir with mode 0400, or pass the cookie with -setcookie.",
			"fs-group":   "let an init container set mode 0400, or fsGroupChangePolicy: OnRootMismatch for a kept volume, or pass the cookie with -setcookie.",
			"unreadable": "let an init container copy the file to an emptyDir as the user of the VM, or pass the cookie with -setcookie.",
		},
		"manifest/governing-service": {
			"no-name":       "set serviceName to the name of a headless Service.",
			"names-nothing": "add the headless Service that serviceName names, or name one that exists.",
		},
		"manifest/network-policy-admits-peers": {
			"peers-closed": "add a rule from, or to, the labels of the nodes with both ports, of epmd and of distribution.",
			"epmd-closed":  "add a rule from, or to, the labels of the nodes with port 4369.",
			"dist-closed":  "pin the distribution port (inet_dist_listen_min and _max), and add a rule from, or to, the labels of the nodes with it.",
			"dns-closed":   "add egress: [{ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}].",
			"api-closed":   "add egress: [{ports: [{port: 443}, {port: 6443}]}]: the API server is no pod that a podSelector could mean.",
		},
		"manifest/place-to-write": {
			"read-only": "mount a writable volume there; an init container has to copy what the image has at that path.",
			"nowhere":   "mount an emptyDir at /tmp and set HOME to it; for a release of relx RELX_OUT_FILE_PATH, too.",
		},
		"manifest/host-network": {"shared": "remove hostNetwork: true from the pod template."},
		"manifest/not-exposed": {
			"by-service":   "remove epmd's and the distribution port from the Service: peers need a headless one only.",
			"by-host-port": "remove hostPort.",
		},
		"manifest/port-pinned-in-flags": {"for-every-vm": "set inet_dist_listen_min and _max in sys.config, or in vm.args, which only the node reads."},
		"manifest/probes-start-no-vm":   {"starts-vm": "open a port when the node is up, and probe that: tcpSocket."},
		"manifest/max-unavailable":      {"all-at-once": "let a rolling update leave pods running: maxUnavailable of 1, strategy RollingUpdate."},
		"manifest/role-bound": {
			"unbound":          "add a RoleBinding of the role to the account of the pods.",
			"other-account":    "add the account of the pods, in its namespace, to the subjects of the binding.",
			"no-role":          "add a Role that may list (EMQX, RabbitMQ: get) endpoints or pods, and a RoleBinding of it to the account of the pods.",
			"no-token":         "set automountServiceAccountToken: true in the pod template.",
			"lacks-access":     "add the verb and the resource that discovery needs to the rules of the role.",
			"other-namespace":  "create the Role and its RoleBinding in the namespace whose objects are asked for.",
			"not-cluster-wide": "bind a ClusterRole by a ClusterRoleBinding, or ask for the objects of one namespace.",
		},
		"manifest/discovery-finds-peers": {
			"selector-fits-nothing": "write labels there that the pods have; where Endpoints are asked for, give them to the Service.",
			"no-such-service":       "write the name of the headless Service that selects the pods.",
			"no-such-port":          "give the port of the Service that name, or ask for a name that it has.",
			"other-service":         "write the Service that serviceName of the StatefulSet names.",
			"other-namespace":       "write the namespace of the pods.",
			"other-name":            "write the part before the @ that the nodes have.",
			"short-seeds":           "write the names of the seeds as the nodes have them, with the whole host.",
			"no-such-pod":           "write the names of pods that there are: those of a StatefulSet have its name and a number.",
			"addresses-for-hosts":   "name the nodes by their address, or let discovery ask for SRV records.",
			"hosts-for-addresses":   "let discovery ask for A records, or name the nodes by their hosts in DNS.",
		},
		"manifest/ready-without-peers": {
			"waits-in-order":     "set podManagementPolicy: Parallel (the StatefulSet has to be made anew) and publishNotReadyAddresses: true in the governing Service.",
			"hidden-until-ready": "set publishNotReadyAddresses: true in the Service by which the pods find each other.",
		},
		"manifest/mesh-proxy": {"not-declared": "declare the ports in the headless Service, or set the annotations by which the proxy leaves them alone."},
		"manifest/ip-family": {
			"ipv6-only":  "start the VM with -proto_dist inet6_tcp.",
			"dual-stack": "let discovery use A records only, or make the Service IPv4 only.",
			"tools":      "set RABBITMQ_CTL_ERL_ARGS to -proto_dist inet6_tcp.",
			"twice":      "give -proto_dist once.",
			"lookups":    "name a file with {inet6, true}. as inetrc.",
		},
		"manifest/proto-dist": {
			"glued":            "put a space between the protocol and the next flag.",
			"interface-form":   "write a tuple, or leave inet_dist_use_interface out.",
			"interface-family": "write an address of the protocol's family, or leave inet_dist_use_interface out.",
		},
		"service/selects-pods": {
			"selects-nothing": "write labels in the selector that the pods have.",
			"no-selector":     "write a selector in the Service.",
			"no-service":      "add a Service with clusterIP: None whose selector is labels of the pods.",
		},
		"service/one-application": {
			"two-applications": "give each application its own Service and its own label.",
			"job":              "give the pods of the Job other labels, or the nodes one more, which the selector of the Service has, too.",
		},
		"service/publishes-not-ready": {"hidden-until-ready": "set publishNotReadyAddresses: true in the governing Service."},
		"service/headless": {
			"no-service":   "add a Service with clusterIP: None whose selector is labels of the pods.",
			"not-headless": "set clusterIP: None; the field is immutable, so delete the Service and create it again.",
			"virtual-ip":   "let discovery ask for the headless Service.",
		},
	}
}
