package review

import (
	"fmt"
	"strings"

	"weighbridge/pipeline"
)

// Action is what a person can do with a case.
type Action string

// The actions of people. Recording, superseding and expiring are no actions: they
// follow from a run or from time.
const (
	ActionClaim    Action = "claim"
	ActionRelease  Action = "release"
	ActionTakeOver Action = "take over"
	ActionComment  Action = "comment"
	ActionApprove  Action = "approve"
	ActionReject   Action = "reject"
	ActionChanges  Action = "request changes"
	ActionRevoke   Action = "revoke"
	ActionAssign   Action = "assign"
	ActionAnswer   Action = "answer"
)

// Legal lists what people can do with a case in a state. Who of them may is another
// question.
func Legal(state pipeline.State) []Action {
	switch state {
	case pipeline.StateOpen:
		return []Action{ActionClaim, ActionApprove, ActionReject, ActionChanges, ActionAssign, ActionComment}
	case pipeline.StateChangesRequested:
		return []Action{ActionClaim, ActionApprove, ActionReject, ActionChanges, ActionAnswer, ActionAssign, ActionComment}
	case pipeline.StateClaimed:
		return []Action{ActionRelease, ActionTakeOver, ActionApprove, ActionReject, ActionChanges, ActionAssign, ActionComment}
	case pipeline.StateApproved, pipeline.StateCleared:
		return []Action{ActionRevoke, ActionComment}
	default:
		return []Action{ActionComment}
	}
}

// require returns an error that matches [pipeline.ErrTransition] and says what is
// legal, unless the action is.
func require(c pipeline.Case, action Action) error {
	legal := Legal(c.State)
	names := make([]string, len(legal))
	for i, a := range legal {
		if a == action {
			return nil
		}
		names[i] = string(a)
	}
	return &pipeline.Error{Code: pipeline.CodeTransition,
		Message: fmt.Sprintf("%q is not possible: case %s is %s%s; legal now: %s",
			action, c.ID, words(c.State), whose(c), strings.Join(names, ", ")),
		Hint: advice(c.State)}
}

// words writes a state as people say it.
func words(s pipeline.State) string { return strings.ReplaceAll(string(s), "_", " ") }

func whose(c pipeline.Case) string {
	switch {
	case c.State == pipeline.StateClaimed && c.Claimant != nil:
		return " by " + c.Claimant.Name
	case c.State == pipeline.StateSuperseded && c.SupersededBy != nil:
		return " by case " + c.SupersededBy.String()
	default:
		return ""
	}
}

func advice(s pipeline.State) string {
	switch s {
	case pipeline.StateSuperseded:
		return "decide the case of the newer pins"
	case pipeline.StateExpired:
		return "check the source again to open the case again"
	case pipeline.StateClaimed:
		return "any reviewer but the submitter may vote on a claimed case as it is"
	case pipeline.StateOpen, pipeline.StateChangesRequested:
		return ""
	default:
		return "the case is settled; it opens again when another verdict is reached on the same bytes"
	}
}

// current returns an error that matches [pipeline.ErrConflict] where the actor saw
// another version than the current one.
func current(c pipeline.Case, saw int64) error {
	if saw == 0 || saw == c.Version {
		return nil
	}
	return &pipeline.Error{Code: pipeline.CodeConflict,
		Message: fmt.Sprintf("case %s has changed: you saw version %d, it is now %s%s at version %d", c.ID, saw, words(c.State), whose(c), c.Version),
		Hint:    "read the case again, then decide"}
}

func forbidden(message, hint string) error {
	return &pipeline.Error{Code: pipeline.CodeForbidden, Message: message, Hint: hint}
}

func usage(message, hint string) error {
	return &pipeline.Error{Code: pipeline.CodeUsage, Message: message, Hint: hint}
}
