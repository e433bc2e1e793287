package access

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"

	"weighbridge/pipeline"
)

const (
	answerPrefix = "/answer/"
	// linkName begins the names of those who hold a link. No account and no machine has
	// such a name.
	linkName = "link-"
	// LinkMost is the longest term of a link.
	LinkMost = 90 * 24 * time.Hour
)

// MakeLink makes a link through which somebody without an account answers for one case,
// and returns its path, which holds the secret and is kept nowhere. A term that is not
// above 0 and at most [LinkMost] is an error that matches [pipeline.ErrUsage].
func (m *Mux) MakeLink(ctx context.Context, who Identity, id uuid.UUID, term time.Duration) (link pipeline.Link, path string, err error) {
	if term <= 0 || term > LinkMost {
		return link, "", &pipeline.Error{Code: pipeline.CodeUsage, Message: "a link lasts between a moment and 90 days"}
	}
	now := m.o.Now().UTC().Truncate(time.Microsecond)
	link = pipeline.Link{Case: id, CreatedBy: who.Actor.Name, CreatedAt: now, ExpiresAt: now.Add(term).Truncate(time.Microsecond)}
	if link.ID, err = uuid.NewV7(); err != nil {
		return link, "", fmt.Errorf("make an id: %w", err)
	}
	secret := newSecret()
	if err := m.o.Links.AddLink(ctx, link, pipeline.DigestBytes([]byte(secret)), who.Actor); err != nil {
		return link, "", err
	}
	return link, answerPrefix + secret, nil
}

// EndLinks ends the links of a case that still count, and returns how many they were.
func (m *Mux) EndLinks(ctx context.Context, who Identity, id uuid.UUID) (int64, error) {
	return m.o.Links.RevokeLinks(ctx, id, who.Actor, m.o.Now().UTC().Truncate(time.Microsecond))
}

// byLink returns the holder of a link. A wrong one is counted by address, and answered as
// a page that does not exist.
func (m *Mux) byLink(r *http.Request) (Identity, error) {
	from := m.o.Proxies.Client(r)
	none := &pipeline.Error{Code: pipeline.CodeNotFound, Message: "this link does not count any more", Hint: "ask who sent it for a new one"}
	secret := r.PathValue("secret")
	if len(secret) != secretLength {
		return Identity{}, m.badLinks.refuse(from, none)
	}
	digest := pipeline.DigestBytes([]byte(secret))
	if wait := m.badLinks.wait(from); wait > 0 && !m.good.Contains(digest) {
		return Identity{}, limited{wait}
	}
	link, err := m.o.Links.LinkBySecret(r.Context(), digest)
	if errors.Is(err, pipeline.ErrNotFound) || err == nil && !link.Valid(m.o.Now()) {
		m.good.Remove(digest)
		return Identity{}, m.badLinks.refuse(from, none)
	}
	if err != nil {
		return Identity{}, err
	}
	m.good.Add(digest, struct{}{})
	// The last twelve digits of the id are random (RFC 9562, 5.7).
	name := linkName + link.ID.String()[24:]
	return Identity{Link: &link, Actor: pipeline.Actor{Name: name, Known: pipeline.KnownLink}}, nil
}

// logPathMost bounds the path that is logged, in bytes.
const logPathMost = 500

// LogPath returns the path of a request for a log, without what is secret in it: what
// follows /answer/, however it is written, and anything that looks like a token.
func LogPath(r *http.Request) string {
	clean := path.Clean("/" + r.URL.Path)
	parts := strings.Split(clean, "/")
	for i := 1; i < len(parts); i++ {
		if strings.EqualFold(parts[i], "answer") && i+1 < len(parts) {
			parts = append(parts[:i+1], "…")
			break
		}
		if strings.Contains(parts[i], TokenPrefix) {
			parts[i] = "…"
		}
	}
	clean = strings.Join(parts, "/")
	if len(clean) > logPathMost {
		clean = strings.ToValidUTF8(clean[:logPathMost], "") + "…"
	}
	return clean
}
