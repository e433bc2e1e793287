package policy

import (
	"fmt"
	"strings"

	"weighbridge/pipeline"
)

// maxNamed bounds how many facts a message names; the finding lists all of them.
const maxNamed = 5

// because says why a rule or a pack is undecided.
func (j judgment) because(accept pipeline.Basis) string {
	var reasons []string
	if missing := names(j.missing); len(missing) > 0 {
		reasons = append(reasons, fmt.Sprintf("%s %s unknown", enumerate(missing), isOrAre(missing)))
	}
	if weak := names(j.reliedOn); len(weak) > 0 {
		reasons = append(reasons, fmt.Sprintf("it would rest on %s, and %s is not %s", enumerate(weak), thatOrThose(weak), acceptedBy(accept)))
	}
	if j.reason != "" {
		reasons = append(reasons, "the evaluation failed: "+clean(j.reason))
	}
	return strings.Join(reasons, "; ")
}

// acceptedBy puts an "accept" into words.
func acceptedBy(accept pipeline.Basis) string {
	if accept == pipeline.BasisAttested {
		return "measured or attested, as the rule demands"
	}
	return string(accept) + ", as the rule demands"
}

func enumerate(all []string) string {
	rest := len(all) - maxNamed
	if rest > 0 {
		return strings.Join(all[:maxNamed], ", ") + fmt.Sprintf(" and %d more", rest)
	}
	last := len(all) - 1
	if last == 0 {
		return all[0]
	}
	return strings.Join(all[:last], ", ") + " and " + all[last]
}

func isOrAre(all []string) string {
	if len(all) == 1 {
		return "is"
	}
	return "are"
}

func thatOrThose(all []string) string {
	if len(all) == 1 {
		return "that fact"
	}
	return "each of those facts"
}
