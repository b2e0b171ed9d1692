package rules

import (
	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/check/objects"
)

// All are the checks, lowest rung first; the order is the order of explanation. That a pod is Ready (pods/ready) comes after the
// rung vm and not with its own: a VM that is started wrongly is why its pod is not Ready, and causes come first.
func All() []check.Check {
	all := []check.Check{
		manifestAPICurrent(),
		manifestAccepted(),
		manifestVariablesSet(),
		manifestNamePerPod(),
		manifestNameForm(),
		manifestHostResolves(),
		manifestCookieFlag(),
		manifestCookieGiven(),
		manifestCookieReachesVM(),
		manifestCookieInSecret(),
		manifestCookieStrength(),
		manifestCookieFileMode(),
		manifestGoverningService(),
		manifestNetworkPolicyAdmitsPeers(),
		manifestPlaceToWrite(),
		manifestHostNetwork(),
		manifestNotExposed(),
		manifestPortPinnedInFlags(),
		manifestProbesStartNoVM(),
		manifestMaxUnavailable(),
		manifestRoleBound(),
		manifestDiscoveryFindsPeers(),
		manifestReadyWithoutPeers(),
		manifestMeshProxy(),
		manifestProtoDist(),
		manifestIPFamily(),
		imageAvailable(),
		podsRunning(),
		vmDistributed(),
		vmNameComplete(),
		vmLongNames(),
		vmCookieFlag(),
		vmHidden(),
		vmAddressFamily(),
		vmEPMDPortSame(),
		vmFirstProcess(),
		vmBusyWait(),
		podsReady(),
		serviceSelectsPods(),
		serviceOneApplication(),
		servicePublishesNotReady(),
		serviceHeadless(),
		dnsResolverAnswers(),
		dnsNameAskedInFull(),
		dnsClusterDomain(),
		dnsPeersExist(),
		dnsARecordsMatchPods(),
		probeOwnAddress(),
		probeHidden(),
		epmdListens(),
		epmdReachable(),
		epmdNameRegistered(),
		epmdOneName(),
		epmdRegistrationType(),
		epmdPortAsDeclared(),
		distSamePort(),
		distTLSEverywhere(),
		distPortReachable(),
		distCertificateTrusted(),
		distCertificateNamesHost(),
		handshakeAllowed(),
		handshakeAcceptorPrompt(),
		handshakeNamesUnique(),
		handshakeNameAsAddressed(),
		handshakeFlags(),
		handshakeCookieAccepted(),
		handshakeWrongCookieRefused(),
		handshakeNobodyRejected(),
		meshAutoConnect(),
		meshConnectsAll(),
		meshTicktimeSame(),
		meshPartitionsPreventedSame(),
		meshOTPSpread(),
		meshNoneHidden(),
		meshNobodyForeign(),
		meshLinked(),
		meshOneComponent(),
		meshFull(),
		meshLinksMatchViews(),
		meshLinksAlive(),
		meshStable(),
		discoveryAlive(),
		recoveryExitClean(),
		recoveryNewCreation(),
		recoveryPodDelete(),
		recoveryStaleNameGone(),
		recoverySurvivorsKeepLinks(),
		recoveryFullAgain(),
		recoveryDiscoveryGoesOn(),
		recoveryContainerKill(),
		recoveryPhases(),
		recoveryCookieRotated(),
		recoveryScale(),
		recoveryUntouchedLinksKept(),
		recoveryPartitionDetected(),
		recoveryPartitionAsOTP(),
		recoveryHeals(),
		rolloutKeepsLinks(),
		rolloutReplacesAll(),
		rolloutHandsOver(),
		applicationAgrees(),
		consoleCommandsWork(),
	}
	check.LinkCauses(all)
	alsoInspected(all)
	for i := range all {
		all[i] = objects.WithPlaces(objects.WithDependencies(check.WithCoverage(all[i])))
	}
	return all
}

// IDs are the ids of all checks.
func IDs() []string {
	var all []string
	for _, c := range All() {
		all = append(all, c.ID)
	}
	return all
}
