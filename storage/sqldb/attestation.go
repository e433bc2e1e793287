package sqldb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"weighbridge/pipeline"
	"weighbridge/storage/sqldb/internal/queries"
)

// sign keeps a signed approval.
func (t *tx) sign(ctx context.Context, a *pipeline.Attestation, event *int64) error {
	if event == nil {
		return fmt.Errorf("a signed approval of case %s has no event", a.Case)
	}
	if pipeline.DigestBytes(a.Envelope) != a.Digest {
		return &pipeline.Error{Code: pipeline.CodeInvalid, Message: "the signed approval does not have its digest"}
	}
	keys, err := json.Marshal(a.KeyIDs)
	if err != nil {
		return fmt.Errorf("write the ids of keys: %w", err)
	}
	packed, err := pack(a.Envelope)
	if err != nil {
		return fmt.Errorf("compress the approval: %w", err)
	}
	return t.InsertAttestation(ctx, queries.InsertAttestationParams{Digest: string(a.Digest), CaseID: a.Case.String(), Approval: a.Approval.String(),
		SettledSeq: a.Settled.Count, SettledHash: string(a.Settled.Hash), Bound: string(a.Bound), KeyIds: string(keys),
		SignedAt: pipeline.AuditTime(a.SignedAt), ExpiresAt: timeOf(a.ExpiresAt), AuditSeq: *event, Body: packed})
}

// AttestationsOf implements [pipeline.AttestationReader].
func (db *DB) AttestationsOf(ctx context.Context, id uuid.UUID) ([]pipeline.Attestation, error) {
	var out []pipeline.Attestation
	err := db.read(ctx, "read the signed approvals", func(r *queries.Queries, _ *sql.Tx) error {
		if _, err := r.CaseByID(ctx, id.String()); err != nil {
			return noCase(err, id)
		}
		rows, err := r.AttestationsOfCase(ctx, id.String())
		if err != nil {
			return err
		}
		for _, row := range rows {
			a, err := attestationFrom(queries.NewestAttestationsRow{Digest: row.Digest, CaseID: row.CaseID, Approval: row.Approval, SettledSeq: row.SettledSeq,
				SettledHash: row.SettledHash, Bound: row.Bound, KeyIds: row.KeyIds, SignedAt: row.SignedAt, ExpiresAt: row.ExpiresAt})
			if err != nil {
				return err
			}
			if a.Envelope, err = unpack(row.Body, pipeline.ApprovalMax, a.Digest); err != nil {
				return altered("a signed approval", a.Digest)
			}
			out = append(out, a)
		}
		return nil
	})
	return out, err
}

// Attestations implements [pipeline.AttestationReader].
func (db *DB) Attestations(ctx context.Context, limit int) ([]pipeline.Attestation, error) {
	var out []pipeline.Attestation
	err := db.read(ctx, "list the signed approvals", func(r *queries.Queries, _ *sql.Tx) error {
		rows, err := r.NewestAttestations(ctx, int64(limit))
		if err != nil {
			return err
		}
		out, err = all(rows, attestationFrom)
		return err
	})
	return out, err
}

func attestationFrom(r queries.NewestAttestationsRow) (pipeline.Attestation, error) {
	var p parser
	a := pipeline.Attestation{Digest: pipeline.Digest(r.Digest), Case: p.id(r.CaseID), Approval: p.id(r.Approval),
		Settled: pipeline.AuditHead{Count: r.SettledSeq, Hash: pipeline.Digest(r.SettledHash)}, Bound: pipeline.ApprovalBound(r.Bound),
		SignedAt: p.time(r.SignedAt), ExpiresAt: p.optionalTime(r.ExpiresAt)}
	p.fail(r.KeyIds, json.Unmarshal([]byte(r.KeyIds), &a.KeyIDs))
	return a, p.err
}

// attestations holds every signed approval against the event that records it.
func (v *verifier) attestations(ctx context.Context, r *queries.Queries) error {
	after := int64(-1 << 63)
	for {
		rows, err := r.AttestationEvents(ctx, after, auditBatch)
		if err != nil {
			return err
		}
		for _, row := range rows {
			after = row.AuditSeq
			a, err := attestationFrom(queries.NewestAttestationsRow{Digest: row.Digest, CaseID: row.CaseID, Approval: row.Approval, SettledSeq: row.SettledSeq,
				SettledHash: row.SettledHash, Bound: row.Bound, KeyIds: row.KeyIds, SignedAt: row.SignedAt, ExpiresAt: row.ExpiresAt})
			var is json.RawMessage
			if err == nil {
				is, err = pipeline.CanonicalJSON(a)
			}
			if err != nil || row.EventData == nil || string(is) != string(readData([]byte(*row.EventData)).Attestation) {
				return tampered(fmt.Sprintf("the signed approval %s is not as event %d recorded it", row.Digest, row.AuditSeq))
			}
		}
		if len(rows) < auditBatch {
			break
		}
	}
	count, err := r.CountAttestations(ctx)
	if err != nil {
		return err
	}
	if count != v.attested {
		return tampered(fmt.Sprintf("the audit log records %d signed approvals and the database holds %d", v.attested, count))
	}
	return nil
}

// Sums returns the SHA-256 of every object of a case by path, in lower-case hexadecimal,
// from the newest report of a run that hashed what the case stands for. It returns nil
// where the case has no content digest or no such report. The submission and an approval
// have none. An error matches [pipeline.ErrNotFound] where there is no such case, and
// [pipeline.ErrTampered] where a report is not as it was filed.
func (db *DB) Sums(ctx context.Context, id uuid.UUID) (map[string]string, error) {
	var sums map[string]string
	err := db.read(ctx, "read the digests of the objects", func(r *queries.Queries, _ *sql.Tx) error {
		c, err := r.CaseByID(ctx, id.String())
		if err != nil {
			return noCase(err, id)
		}
		if c.ContentDigest == nil {
			return nil
		}
		rows, err := r.ReportsOfCase(ctx, c.ID)
		if err != nil {
			return err
		}
		for _, row := range rows {
			body, err := unpack(row.Body, reportMax, pipeline.Digest(row.Digest))
			if err != nil {
				return err
			}
			var said struct {
				Artifact pipeline.Artifact `json:"artifact"`
			}
			if err := json.Unmarshal(body, &said); err != nil {
				return fmt.Errorf("read the stored report: %w", err)
			}
			if d := said.Artifact.ContentDigest; d == nil || string(*d) != *c.ContentDigest {
				continue
			}
			sums = map[string]string{}
			for _, o := range said.Artifact.Objects {
				if o.SHA256 != "" {
					sums[o.Path] = strings.TrimPrefix(string(o.SHA256), "sha256:")
				}
			}
			return nil
		}
		return nil
	})
	return sums, err
}
