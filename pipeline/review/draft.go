package review

import (
	"cmp"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// details is the data of an event.
type details map[string]any

// act is who changes a case, when, and where ids come from.
type act struct {
	by  pipeline.Actor
	at  time.Time
	ids func() (uuid.UUID, error)
	// terms are how soon a case should be decided.
	terms map[pipeline.Verdict]time.Duration
}

// draft is a change in the making. Its case already has the version that it will
// have afterwards.
type draft struct {
	act
	c        pipeline.Case
	kinds    []pipeline.EventKind
	data     []details
	decision *pipeline.Decision
	comments []pipeline.Comment
	// attestation is set where an approval was signed.
	attestation *pipeline.Attestation
	exhibits    []pipeline.ExhibitFile
}

func newDraft(a act, c pipeline.Case) *draft {
	c.Version++
	c.UpdatedAt = a.at
	return &draft{act: a, c: c}
}

// event notes what happened, with the state that it left the case in.
func (d *draft) event(kind pipeline.EventKind, data details) {
	data = maps.Clone(data)
	if data == nil {
		data = details{}
	}
	data["state"], data["version"] = d.c.State, d.c.Version
	d.kinds, d.data = append(d.kinds, kind), append(d.data, data)
}

// settle moves the case to a state that ends it.
func (d *draft) settle(state pipeline.State, kind pipeline.EventKind, data details) {
	d.c.State, d.c.SettledAt = state, &d.at
	d.c.DueAt, d.c.OverdueAt, d.c.Cause = nil, nil, ""
	d.event(kind, data)
}

// reopen moves the case back to open, in a new round. cause is the same for all cases
// that one change opens again; "" is why.
func (d *draft) reopen(why, cause string) {
	d.c.State = pipeline.StateOpen
	d.c.Round++
	d.c.SettledAt, d.c.ExpiresAt, d.c.Claimant, d.c.SupersededBy = nil, nil, nil, nil
	d.c.Cause = cmp.Or(cause, why)
	d.due()
	d.event(pipeline.EventReopened, details{"why": why, "cause": d.c.Cause, "round": d.c.Round})
}

// lapse begins a new round of a case that is open or claimed: the votes given so far count
// no longer.
func (d *draft) lapse(why, cause string) {
	d.c.Round++
	d.c.Cause = cause
	d.event(pipeline.EventReopened, details{"why": why, "cause": cause, "round": d.c.Round})
}

// due sets when the case should be decided, counted from now.
func (d *draft) due() {
	d.c.DueAt, d.c.OverdueAt = nil, nil
	if term := d.terms[d.c.Verdict]; term > 0 {
		due := stamp(d.at.Add(term))
		d.c.DueAt = &due
	}
}

// claim gives the case to the actor.
func (d *draft) claim() {
	if d.c.State == pipeline.StateChangesRequested {
		d.c.Round++
		d.due()
	}
	who := pipeline.Actor{Name: d.by.Name, Known: d.by.Known}
	d.c.State, d.c.Claimant = pipeline.StateClaimed, &who
	d.event(pipeline.EventClaimed, details{"round": d.c.Round})
}

// change seals the draft.
func (d *draft) change() (pipeline.CaseChange, error) {
	out := pipeline.CaseChange{Case: d.c, Decision: d.decision, Comments: d.comments, Attestation: d.attestation, Exhibits: d.exhibits}
	d.data[len(d.data)-1]["seal"] = d.c.Seal()
	for i, kind := range d.kinds {
		data, err := pipeline.CanonicalJSON(d.data[i])
		if err != nil {
			return pipeline.CaseChange{}, fmt.Errorf("write an audit event: %w", err)
		}
		id, err := d.ids()
		if err != nil {
			return pipeline.CaseChange{}, fmt.Errorf("make an id: %w", err)
		}
		out.Events = append(out.Events, pipeline.AuditEvent{ID: id, Time: d.at, Case: &d.c.ID, Kind: kind, Data: data,
			Actor: pipeline.Actor{Name: d.by.Name, Known: d.by.Known}})
	}
	return out, nil
}
