package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

// MakeLink makes a link through which somebody without an account answers for one case,
// and returns its path, which holds the secret and is kept nowhere.
func (m *Mux) MakeLink(ctx context.Context, who Identity, id uuid.UUID, term time.Duration) (link pipeline.Link, path string, err error) {
	now := m.o.Now().UTC().Truncate(time.Microsecond)
	link = pipeline.Link{Case: id, CreatedBy: who.Actor.Name, CreatedAt: now, ExpiresAt: now.Add(term).Truncate(time.Microsecond)}
	if link.ID, err = uuid.NewV7(); err != nil {
		return link, "", fmt.Errorf("make an id: %w", err)
	}
	secret := newSecret()
	return link, answerPrefix + secret, m.o.Links.AddLink(ctx, link, pipeline.DigestBytes([]byte(secret)), who.Actor)
}

// byLink returns the holder of a link. A wrong one is counted by address, and answered as
// a page that does not exist.
func (m *Mux) byLink(r *http.Request) (Identity, error) {
	from := m.o.Proxies.Client(r)
	if wait := m.failures.blocked(from); wait > 0 {
		return Identity{}, limited{wait}
	}
	none := &pipeline.Error{Code: pipeline.CodeNotFound, Message: "this link does not count any more", Hint: "ask who sent it for a new one"}
	secret := r.PathValue("secret")
	if len(secret) > 100 {
		return Identity{}, none
	}
	link, err := m.o.Links.LinkBySecret(r.Context(), pipeline.DigestBytes([]byte(secret)))
	if errors.Is(err, pipeline.ErrNotFound) || err == nil && !link.Valid(m.o.Now()) {
		m.failures.take(from)
		m.o.Logger.Info("a link was refused", "address", from)
		return Identity{}, none
	}
	if err != nil {
		return Identity{}, err
	}
	name := "link-" + link.ID.String()[24:]
	return Identity{Link: &link, Actor: pipeline.Actor{Name: name, Known: pipeline.KnownLink}}, nil
}
