package rules

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"meshproof.dev/meshproof/e2e/check"
	"meshproof.dev/meshproof/e2e/recording"
	"meshproof.dev/meshproof/e2e/view"
)

func applicationAgrees() check.Check {
	return check.Check{
		ID: "application/agrees", Title: "gives the same answer on every node of a full mesh (expect.agree)", Rung: check.Application, Level: check.Required,
		Scenario: recording.Formation, Also: []recording.Scenario{
			"recovery", "container-kill", "blip-5", "blip-50", "blip-500", "link-reset", "link-cut", "one-way-cut", "split", "majorities-ring",
			"dns-slow", "dns-outage", "large-segments", "rollout",
			"pod-delete-forced", "all-pods", "scale", "kill-in-partition", "node-stop", "node-drain", "epmd-killed", "secret-rotated",
		},
		Reads:  []recording.Kind{recording.KindPod, recording.KindNodes, recording.KindAnswer},
		Why:    "Connected nodes need not be one cluster for the application. A link that was lost for 43 ms has left RabbitMQ's metadata store split for days, while nodes() was complete everywhere and each node was Ready.",
		Source: "https://github.com/rabbitmq/rabbitmq-server/issues/17319",
		Inapplicable: func(v *view.View) string {
			if len(v.Profile.Expect.Agree) == 0 {
				return "the profile has no question that all nodes have to answer alike (spec.expect.agree)"
			}
			return ""
		},
		Causes: map[string][]string{"split": {"console/*"}},
		Judge: func(v *view.View) []check.Finding {
			var all []check.Finding
			asked := v.Agreements()
			for i, q := range v.Profile.Expect.Agree {
				f := check.Finding{Subject: check.Subject{Kind: "question", Name: q.Name}, Of: check.Everything(v), Outcome: check.Unseen, At: v.End()}
				if len(asked) == 0 {
					f.Message = "the mesh is not full at the end, so that nobody was asked: " + v.Mesh(v.End()).String()
				} else {
					agrees(v, asked[i], &f)
				}
				all = append(all, f)
			}
			if len(all) == 0 {
				return []check.Finding{{Subject: check.OnWorkload(v), Outcome: check.NotApplicable, Message: "there is no question"}}
			}
			return all
		},
	}
}

// agrees judges the answers to one question.
func agrees(v *view.View, a view.Agreement, f *check.Finding) {
	budget := v.Profile.Budgets.Agreement.D()
	var missing []string
	youngest := time.Duration(0)
	for _, x := range a.Answers {
		if x.Why != "" {
			missing = append(missing, x.Pod.Name+": "+x.Why)
		}
		youngest = max(youngest, x.At)
	}
	if youngest > 0 {
		f.At = youngest
	}
	switch lasted := v.End() - a.Since; {
	case !a.Differ && len(missing) > 0:
		f.Message, f.Seen = "not all nodes have answered", check.FirstOf(missing, 4)
	case !a.Differ:
		f.Outcome = check.Pass
	case lasted < budget:
		f.Message = fmt.Sprintf("the nodes gave different answers for %.1f s; they have %s to agree", lasted.Seconds(), budget)
		f.Seen = check.FirstOf(said(a), maxAnswers)
	default:
		f.From = max(a.Since, 1)
		f.Fail("split", fmt.Sprintf("all nodes are connected to each other, and %s for %.1f s", split(a), lasted.Seconds()), remedyOfSplit(a), check.FirstOf(said(a), maxAnswers)...)
		if len(a.Question.Run) > 0 {
			f.Try = fmt.Sprintf("kubectl exec -n %s %s -- %s", v.Header.Namespace, a.Answers[0].Pod.Name, forShell(a.Question.Run))
		}
	}
}

// maxAnswers is of how many nodes the answer is shown.
const maxAnswers = 8

// partsOf are the names of the pods that gave the same answer, by answer, in the order of the pods.
func partsOf(a view.Agreement) (answers []string, parts map[string][]string) {
	parts = map[string][]string{}
	for _, x := range a.Answers {
		if x.Why != "" {
			continue
		}
		if parts[x.Text] == nil {
			answers = append(answers, x.Text)
		}
		parts[x.Text] = append(parts[x.Text], x.Pod.Name)
	}
	return answers, parts
}

// split says which pods gave the same answer.
func split(a view.Agreement) string {
	answers, parts := partsOf(a)
	var groups []string
	for _, text := range answers {
		groups = append(groups, "["+check.List(parts[text])+"]")
	}
	return fmt.Sprintf("%s has %d different answers, from %s,", a.Question.Name, len(answers), strings.Join(groups, " and "))
}

// said are the answers, a line for each pod.
func said(a view.Agreement) []string {
	var all []string
	for _, x := range a.Answers {
		text := x.Why
		if text == "" {
			text = cmp.Or(strings.Join(strings.Fields(x.Text), ", "), "nothing")
		}
		if len(text) > maxAnswer {
			text = strings.ToValidUTF8(text[:maxAnswer], "") + " …"
		}
		all = append(all, x.Pod.Name+" says: "+text)
	}
	return all
}

const maxAnswer = 400

func remedyOfSplit(a view.Agreement) string {
	answers, parts := partsOf(a)
	least := answers[0]
	for _, text := range answers[1:] {
		if len(parts[text]) < len(parts[least]) {
			least = text
		}
	}
	again := "restart the application on " + check.List(parts[least])
	if a.OfMnesia() {
		return "Mnesia does not merge by itself after nodes have lost each other, however briefly: " + again + ", so that it joins the others and takes their data, and let the application do so in the future (RabbitMQ: cluster_partition_handling = pause_minority or autoheal; others: subscribe to mnesia's inconsistent_database event)"
	}
	return "connected nodes have not come together again as a cluster of the application: " + again + ", and let the application do so by itself after it has lost a node"
}
