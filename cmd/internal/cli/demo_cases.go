package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"weighbridge/cmd/internal/app"
	"weighbridge/pipeline"
	"weighbridge/pipeline/attest"
	"weighbridge/pipeline/review"
)

// demoAge is how long ago the demo's first case came in.
const demoAge = 8 * 24 * time.Hour

// demoPast acts out what people did with the demo's cases in the days before. Its clock
// goes forward with every act and stops at the present.
type demoPast struct {
	queue *app.Queue
	now   time.Time
	until time.Time
	cases map[string]uuid.UUID
	key   *attest.PrivateKey
	err   error
}

func person(name string) pipeline.Actor {
	return pipeline.Actor{Name: name, Known: pipeline.KnownAsserted}
}

// newPast returns a past whose desk goes by its own clock. Approvals are signed by a
// key that ends with the demo.
func newPast(queue *app.Queue, now time.Time) (*demoPast, error) {
	key, err := attest.GenerateKey(attest.Ed25519)
	if err != nil {
		return nil, err
	}
	h := &demoPast{now: now.Add(-demoAge), until: now, cases: map[string]uuid.UUID{}, key: key}
	h.queue = &app.Queue{DB: queue.DB, Desk: review.New(queue.DB, review.WithExceptions(queue.DB), review.WithClock(func() time.Time { return h.now }))}
	return h, nil
}

// pass lets time go by.
func (h *demoPast) pass(d time.Duration) {
	if h.now = h.now.Add(d); h.now.After(h.until) {
		h.now = h.until
	}
}

// record queues a model as somebody's.
func (h *demoPast) record(ctx context.Context, name string, w *pipeline.Weighing, by pipeline.Actor) (pipeline.Case, error) { //nolint:unparam // as a desk records
	h.pass(3 * time.Hour)
	c, err := h.queue.Record(ctx, w, by)
	h.cases[name] = c.ID
	return c, err
}

// do is one act. After the first that failed, nothing is done any more.
func (h *demoPast) do(model string, act func(id uuid.UUID) (pipeline.Case, error)) {
	if h.err != nil {
		return
	}
	h.pass(2 * time.Hour)
	if _, err := act(h.cases[model]); err != nil {
		h.err = fmt.Errorf("act out the history of %s: %w", model, err)
	}
}

func (h *demoPast) comment(ctx context.Context, model, who, text string) {
	h.do(model, func(id uuid.UUID) (pipeline.Case, error) {
		return h.queue.Comment(ctx, pipeline.Remark{Case: id, Actor: person(who), Text: text})
	})
}

func (h *demoPast) decide(ctx context.Context, model, who string, kind pipeline.DecisionKind, reason pipeline.ReasonCode, text string, term time.Duration) {
	h.do(model, func(id uuid.UUID) (pipeline.Case, error) {
		b := pipeline.Ballot{Case: id, Actor: person(who), Kind: kind, Reason: reason, Comment: text}
		if term > 0 {
			until := h.now.Add(term)
			b.Until = &until
		}
		c, err := h.queue.Decide(ctx, b)
		if err == nil {
			_, err = h.queue.SignWhereDue(ctx, c, h.key, b.Actor, h.now)
		}
		return c, err
	})
}

// demoLicence is the evidence file of the demo.
const demoLicence = `Northwind Research

To whom it may concern: the weights of deepseek-v3 were taken from the publisher's own
repository on 2026-10-01, and are to be mirrored without change.
`

// act gives the demo's cases a past, so that there is one in every state.
func (h *demoPast) act(ctx context.Context) error {
	const day = 24 * time.Hour
	ravi := "ravi"
	h.do("bloom-176b", func(id uuid.UUID) (pipeline.Case, error) {
		return h.queue.Assign(ctx, pipeline.Assignment{Case: id, Actor: person("rita"), Assignee: &ravi})
	})
	h.do("deepseek-v3", func(id uuid.UUID) (pipeline.Case, error) {
		return h.queue.Claim(ctx, pipeline.Claim{Case: id, Actor: person("rita")})
	})
	h.comment(ctx, "deepseek-v3", "rita", "684 billion parameters by the headers. Where do the weights come from, and who receives them?")
	h.do("deepseek-v3", func(id uuid.UUID) (pipeline.Case, error) {
		return h.queue.Attach(ctx, pipeline.Attachment{Case: id, Actor: demoSubmitter, Name: "origin.txt", Body: []byte(demoLicence)})
	})
	h.comment(ctx, "deepseek-v3", demoSubmitter.Name, "The letter on where they come from is attached; they go to our mirror in the same region.")
	h.decide(ctx, "gpt-oss-20b", "rita", pipeline.DecisionApprove, pipeline.ReasonEvidenceSufficient, "Published by its maker under Apache-2.0, unchanged; nothing of ours is in it.", 90*day)
	h.decide(ctx, "llama-2-70b-gptq", ravi, pipeline.DecisionReject, pipeline.ReasonLicenceObtained, "The licence of the base does not cover passing on a quantised copy under this name.", 0)
	h.decide(ctx, "llama-3-70b-lora", ravi, pipeline.DecisionChanges, pipeline.ReasonEvidenceMissing, "Which base is this an adapter of, at which revision? Please declare it and the destination.", 0)
	h.decide(ctx, "mixtral-8x7b", "rita", pipeline.DecisionApprove, pipeline.ReasonRiskAccepted, "For the evaluation only, one day.", day)
	h.decide(ctx, "qwen2.5-14b", ravi, pipeline.DecisionApprove, pipeline.ReasonEvidenceSufficient, "Seen.", 0)
	h.do("qwen2.5-14b", func(id uuid.UUID) (pipeline.Case, error) {
		return h.queue.Revoke(ctx, pipeline.Ballot{Case: id, Actor: person("lena"), Reason: pipeline.ReasonRuleApplies, Comment: "The recipient was named wrongly; see the mail of counsel."})
	})
	h.do("qwen3-30b-a3b", func(id uuid.UUID) (pipeline.Case, error) {
		return h.queue.Claim(ctx, pipeline.Claim{Case: id, Actor: person(ravi)})
	})
	h.comment(ctx, "qwen3-30b-a3b", ravi, "Experts counted: 30.5 billion in all. The README names no training data; please add it.")
	if h.err != nil {
		return h.err
	}
	if _, err := h.queue.Grant(ctx, pipeline.Exception{Pack: "seed-article", Rule: "SEED-01", Scope: "s3://" + demoBucket + "/", Owner: "lena", Reason: pipeline.ReasonLicenceObtained,
		Comment: "Mirrors of published models inside the company, until the review of the policy.", Until: h.until.Add(10 * day)}, person("lena")); err != nil {
		return fmt.Errorf("grant the demo's exception: %w", err)
	}
	h.now = h.until
	if _, err := h.queue.Expire(ctx); err != nil {
		return err
	}
	_, err := h.queue.Overdue(ctx)
	return err
}

// touchReadme changes the README of a model and nothing else.
func touchReadme(models, name string) error {
	f, err := os.OpenFile(filepath.Join(models, name, "README.md"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("change a README: %w", err)
	}
	_, err = f.WriteString("\nTraining data: see the model card of the publisher.\n")
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
