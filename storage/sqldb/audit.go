package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// auditBatch is how many rows are read at a time while verifying.
const auditBatch = 1000

// AuditHead implements [pipeline.AuditLog].
func (db *DB) AuditHead(ctx context.Context) (pipeline.AuditHead, error) {
	var head pipeline.AuditHead
	err := db.read(ctx, "read the audit log", func(r *queries.Queries, _ *sql.Tx) (err error) {
		head, err = headOf(ctx, r)
		return err
	})
	return head, err
}

func headOf(ctx context.Context, r *queries.Queries) (pipeline.AuditHead, error) {
	last, err := r.LastAuditEvent(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return pipeline.AuditGenesis(), nil
	}
	return pipeline.AuditHead{Count: last.Seq, Hash: pipeline.Digest(last.Hash)}, err
}

// AuditEvents implements [pipeline.AuditLog].
func (db *DB) AuditEvents(ctx context.Context, after int64, limit int) ([]pipeline.AuditEvent, error) {
	var out []pipeline.AuditEvent
	err := db.read(ctx, "read the audit log", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := r.AuditEventsAfter(ctx, after, int64(limit))
		if err != nil {
			return err
		}
		out, err = all(rows, eventFrom)
		return err
	})
	return out, err
}

// VerifyAudit implements [pipeline.AuditLog].
func (db *DB) VerifyAudit(ctx context.Context, earlier *pipeline.AuditHead) (pipeline.AuditHead, error) {
	v := verifier{head: pipeline.AuditGenesis(), earlier: earlier}
	err := db.read(ctx, "verify the audit log", func(r *queries.Queries, _ *sql.Tx) error {
		if err := v.log(ctx, r); err != nil {
			return err
		}
		if err := v.cases(ctx, r); err != nil {
			return err
		}
		if err := v.decisions(ctx, r); err != nil {
			return err
		}
		if err := v.attestations(ctx, r); err != nil {
			return err
		}
		if err := v.said(ctx, r); err != nil {
			return err
		}
		return v.exceptions(ctx, r)
	})
	return v.head, err
}

// verifier reads the log from its beginning, and then what stands beside it.
type verifier struct {
	head    pipeline.AuditHead
	earlier *pipeline.AuditHead
	// opened, decided and attested count the events that begin a case, record a vote, and
	// record a signed approval; granted and ended those that grant and end an exception.
	opened, decided, attested, granted, ended int64
	// comments and exhibits count what people wrote and attached, with what was carried over.
	comments, exhibits int64
}

func (v *verifier) log(ctx context.Context, r *queries.Queries) error {
	if err := v.meet(); err != nil {
		return err
	}
	after := int64(-1 << 63)
	for {
		rows, err := r.AuditEventsAfter(ctx, after, auditBatch)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := v.event(row); err != nil {
				return err
			}
			after = row.Seq
		}
		if len(rows) < auditBatch {
			break
		}
	}
	if v.earlier != nil && v.earlier.Count > v.head.Count {
		return tampered(fmt.Sprintf("the audit log was cut: it had %d events and ends now at event %d", v.earlier.Count, v.head.Count))
	}
	return nil
}

func (v *verifier) event(row queries.AuditEvent) error {
	e, err := eventFrom(row)
	if err != nil {
		return tampered(fmt.Sprintf("the audit log is broken at event %d: its id, time or case cannot be read", row.Seq))
	}
	if pipeline.AuditTime(e.Time) != row.At || e.ID.String() != row.ID {
		return tampered(fmt.Sprintf("the audit log is broken at event %d: its id or time is written in another form", row.Seq))
	}
	if v.head, err = v.head.Check(e); err != nil {
		return err
	}
	switch e.Kind {
	case pipeline.EventDecided:
		v.decided++
	case pipeline.EventAttested:
		v.attested++
	case pipeline.EventCommented, pipeline.EventAnswered:
		v.comments++
	case pipeline.EventAttached:
		v.exhibits++
	case pipeline.EventCarriedOver:
		brought := readBrought(e.Data)
		v.comments += brought.Comments
		v.exhibits += brought.Exhibits
	case pipeline.EventExceptionGranted:
		v.granted++
	case pipeline.EventExceptionEnded:
		v.ended++
	case pipeline.EventOpened, pipeline.EventCleared:
		if said := readData(e.Data); said.Version == 1 {
			v.opened++
		}
	}
	return v.meet()
}

// meet holds the log against the earlier head, where it has as many events.
func (v *verifier) meet() error {
	if v.earlier != nil && v.earlier.Count == v.head.Count && v.earlier.Hash != v.head.Hash {
		return tampered(fmt.Sprintf("the audit log was rewritten: event %d or one before it is not what it was when the head was noted", v.head.Count))
	}
	return nil
}

// data is what the verifier needs of an event's data.
type data struct {
	Version  int64           `json:"version"`
	Seal     pipeline.Digest `json:"seal"`
	Decision json.RawMessage `json:"decision"`
	// Attestation is that of a signed approval.
	Attestation json.RawMessage `json:"attestation"`
	// Exception is that which was granted, or ended.
	Exception json.RawMessage `json:"exception"`
}

// readData reads what an event says. What cannot be read says nothing, and then
// agrees with nothing.
func readData(text []byte) data {
	var d data
	if json.Unmarshal(text, &d) != nil {
		return data{}
	}
	return d
}

// cases holds every case against the seal in its last event.
func (v *verifier) cases(ctx context.Context, r *queries.Queries) error {
	after := ""
	for {
		rows, err := r.CaseSeals(ctx, after, auditBatch)
		if err != nil {
			return err
		}
		for _, row := range rows {
			after = row.Case.ID
			if row.EventData == nil {
				return tampered(fmt.Sprintf("the audit log was cut: event %d, the last of case %s, is missing", row.Case.AuditSeq, row.Case.ID))
			}
			c, err := caseFrom(row.Case)
			if err != nil || row.EventCase == nil || *row.EventCase != row.Case.ID || c.Seal() != readData([]byte(*row.EventData)).Seal {
				return tampered(fmt.Sprintf("case %s is not as event %d left it", row.Case.ID, row.Case.AuditSeq))
			}
		}
		if len(rows) < auditBatch {
			break
		}
	}
	count, err := r.CountCases(ctx)
	if err != nil {
		return err
	}
	if count != v.opened {
		return tampered(fmt.Sprintf("the audit log opens %d cases and the database holds %d", v.opened, count))
	}
	return nil
}

// decisions holds every decision against the event that records it.
func (v *verifier) decisions(ctx context.Context, r *queries.Queries) error {
	after := int64(-1 << 63)
	for {
		rows, err := r.DecisionEvents(ctx, after, auditBatch)
		if err != nil {
			return err
		}
		for _, row := range rows {
			after = row.Decision.AuditSeq
			d, err := decisionFrom(row.Decision)
			if err != nil || d.Actor.Key() != row.Decision.ActorKey || row.EventData == nil {
				return decisionAltered(row.Decision)
			}
			is, err := pipeline.CanonicalJSON(d)
			if err != nil || string(is) != string(readData([]byte(*row.EventData)).Decision) {
				return decisionAltered(row.Decision)
			}
		}
		if len(rows) < auditBatch {
			break
		}
	}
	count, err := r.CountDecisions(ctx)
	if err != nil {
		return err
	}
	if count != v.decided {
		return tampered(fmt.Sprintf("the audit log records %d decisions and the database holds %d", v.decided, count))
	}
	return nil
}

func decisionAltered(d queries.Decision) error {
	return tampered(fmt.Sprintf("decision %s of %s is not as event %d recorded it", d.ID, d.Actor, d.AuditSeq))
}

func tampered(message string) error {
	return &pipeline.Error{Code: pipeline.CodeTampered, Message: message, Hint: "keep the database as it is, and compare it with a backup"}
}
