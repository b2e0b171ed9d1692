package check

// All are the checks, lowest rung first; the order is the order of explanation. That a pod is Ready (pods/ready) comes after the
// rung vm and not with its own: a VM that is started wrongly is why its pod is not Ready, and what explains comes first.
func All() []Check {
	all := []Check{
		manifestAPI(),
		manifestVariables(),
		manifestName(),
		manifestHost(),
		manifestCookieFlag(),
		manifestCookieReaches(),
		manifestCookieSecret(),
		manifestCookieFile(),
		manifestGoverning(),
		manifestPolicy(),
		manifestHostNetwork(),
		manifestExposed(),
		manifestPortFlags(),
		manifestProbes(),
		manifestUnavailable(),
		manifestRole(),
		imageAvailable(),
		podsRunning(),
		vmDistributed(),
		vmName(),
		vmLongNames(),
		vmCookieFlag(),
		vmHidden(),
		vmEPMDPort(),
		vmFirst(),
		vmBusyWait(),
		podsReady(),
		serviceSelects(),
		serviceOne(),
		servicePublishes(),
		serviceHeadless(),
		dnsResolver(),
		dnsFullName(),
		dnsDomain(),
		dnsPeersExist(),
		dnsMatchesPods(),
		probeOwnAddress(),
		probeHidden(),
		epmdReachable(),
		epmdNameRegistered(),
		epmdOneName(),
		epmdRegistrationType(),
		epmdPort(),
		distSamePort(),
		distTLSEverywhere(),
		distReachable(),
		distCertificateTrusted(),
		distCertificateNamesHost(),
		handshakeAllowed(),
		handshakeAcceptorPrompt(),
		handshakeNamesUnique(),
		handshakeNameAsAddressed(),
		handshakeFlags(),
		cookieAccepted(),
		handshakeWrongCookie(),
		vmAutoConnect(),
		vmConnectsAll(),
		vmTickTime(),
		vmPrevents(),
		vmOTP(),
		meshNoneHidden(),
		meshNobodyForeign(),
		meshOneComponent(),
		meshFull(),
		meshLinksMatchViews(),
		meshLinksAlive(),
		meshStable(),
		discoveryAlive(),
		recoveryExitClean(),
		recoveryNewIncarnation(),
		recoveryPodDelete(),
		recoveryStaleName(),
		recoverySurvivors(),
		recoveryFullAgain(),
		recoveryDiscovery(),
		rolloutKeepsLinks(),
		rolloutReplacesAll(),
		rolloutHandsOver(),
		consoleCommands(),
	}
	LinkCauses(all)
	for i := range all {
		all[i] = withDependencies(all[i])
	}
	return all
}

// IDs are those of all checks.
func IDs() []string {
	var all []string
	for _, c := range All() {
		all = append(all, c.ID)
	}
	return all
}
