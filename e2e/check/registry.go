package check

// All are the checks, lowest rung first; the order is the order of explanation.
func All() []Check {
	return []Check{
		imageAvailable(),
		podsRunning(),
		podsReady(),
		serviceHeadless(),
		dnsMatchesPods(),
		epmdReachable(),
		epmdPort(),
		distReachable(),
		cookieAccepted(),
		meshFull(),
		meshStable(),
		recoveryPodDelete(),
		recoveryStaleName(),
		recoverySurvivors(),
		consoleCommands(),
	}
}
