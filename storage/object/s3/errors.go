package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/minio/minio-go/v7"

	"weighbridge/pipeline"
)

// maxErrorBody bounds what is read of an error answer.
const maxErrorBody = 64 << 10

// target is what a request was about.
type target struct {
	bucket string
	object string // "" for a listing
	// written is true where the request writes the object; copied where it writes it from
	// another one.
	written, copied bool
}

// doing is what a request does to its target.
func (t target) doing() string {
	if t.written {
		return "writing"
	}
	return "reading"
}

func (t target) String() string {
	if t.object == "" {
		return fmt.Sprintf("the bucket %q", t.bucket)
	}
	return fmt.Sprintf("%q", t.object)
}

// busy are error codes that ask for another try whatever status they come with.
var busy = map[string]bool{
	"InternalError": true, "OperationAborted": true, "RequestTimeout": true, "ServiceUnavailable": true,
	"SlowDown": true, "SlowDownRead": true, "SlowDownWrite": true, "Throttling": true, "ThrottlingException": true,
	"RequestLimitExceeded": true, "RequestThrottled": true, "RequestThrottledException": true,
	"TooManyRequests": true, "BandwidthLimitExceeded": true,
}

// credentialHints are the codes that refuse the credentials and not the object.
var credentialHints = map[string]string{
	"InvalidAccessKeyId":    "the store does not know this access key; check AWS_ACCESS_KEY_ID and the endpoint",
	"SignatureDoesNotMatch": "the secret key does not belong to the access key; check AWS_SECRET_ACCESS_KEY",
	"ExpiredToken":          "the session has expired; sign in again",
	"InvalidToken":          "the session token is not valid; check AWS_SESSION_TOKEN",
	"TokenRefreshRequired":  "the session must be renewed; sign in again",
	"RequestTimeTooSkewed":  "the clock of this machine is wrong; set it",
	"AuthFailure":           "check the access key and the secret key",
	"XAdminUserNotFound":    "the store does not know this access key; check AWS_ACCESS_KEY_ID", // versitygw, with status 404
}

// refusal turns an answer that is no success into an error. It reads at most
// [maxErrorBody] of the body and repeats nothing of it but the code and the region:
// stores echo headers and query strings in their messages.
func refusal(resp *http.Response, t target) error {
	var answer minio.ErrorResponse
	_ = xml.NewDecoder(io.LimitReader(resp.Body, maxErrorBody)).Decode(&answer) // no body, or a proxy's page: the status says enough
	cause := minio.ErrorResponse{Code: word(answer.Code), StatusCode: resp.StatusCode,
		Region: word(first(answer.Region, resp.Header.Get("x-amz-bucket-region")))}
	if cause.Code == "" {
		cause.Code = word(resp.Header.Get("x-minio-error-code"))
	}
	fail := func(code pipeline.Code, hint, format string, args ...any) error {
		return &pipeline.Error{Code: code, Message: fmt.Sprintf(format, args...), Hint: hint, Err: &answerError{cause}}
	}
	status := resp.StatusCode
	if hint, ok := credentialHints[cause.Code]; ok {
		return fail(pipeline.CodeDenied, hint, "the store refuses the credentials")
	}
	if err := refusedWrite(fail, cause, t); err != nil {
		return err
	}
	switch {
	case cause.Region != "" && (status == http.StatusMovedPermanently || status == http.StatusTemporaryRedirect ||
		cause.Code == "AuthorizationHeaderMalformed" || cause.Code == "InvalidRegion"):
		return fail(pipeline.CodeDenied, "set AWS_REGION="+cause.Region,
			"the bucket %q is in the region %s; redirects are not followed", t.bucket, cause.Region)
	case status >= 300 && status < 400:
		return fail(pipeline.CodeProtocol, "name the endpoint and the region that hold the bucket",
			"the store sent a redirect for %s; redirects are not followed", t)
	case busy[cause.Code], status == http.StatusRequestTimeout, status == http.StatusTooManyRequests,
		status >= 500 && status != http.StatusNotImplemented:
		return fail(pipeline.CodeUnavailable, "try again later", "the store could not answer for %s", t)
	case status == http.StatusPreconditionFailed:
		return fail(pipeline.CodeChanged, "let the upload finish, then start again", "%s changed under review: it has another ETag", t)
	case status == http.StatusNotFound && t.object != "":
		return fail(pipeline.CodeChanged, "let the upload finish, then start again", "%s changed under review: it is gone", t)
	case status == http.StatusNotFound:
		return fail(pipeline.CodeNotFound, "check the bucket's name, the endpoint and the region", "%s does not exist", t)
	case status == http.StatusRequestedRangeNotSatisfiable && t.object != "":
		return fail(pipeline.CodeChanged, "let the upload finish, then start again", "%s changed under review: it is shorter than listed", t)
	case cause.Code == "InvalidObjectState":
		return fail(pipeline.CodeDenied, "restore it from the archive first", "%s is archived and cannot be read", t)
	case (status == http.StatusForbidden || status == http.StatusUnauthorized) && t.object != "":
		return fail(pipeline.CodeDenied, "grant s3:GetObject (and s3:GetObjectVersion where the bucket keeps versions) on this object",
			"the store refuses to read %s", t)
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return fail(pipeline.CodeDenied, "check the credentials, and grant s3:ListBucket on the bucket",
			"the store refuses these credentials the listing of %s", t)
	}
	return fail(pipeline.CodeProtocol, "check that the endpoint speaks S3", "the store refused the request for %s", t)
}

// refusedWrite returns what an answer means where it means something else for a request
// that writes, else nil.
func refusedWrite(fail func(code pipeline.Code, hint, format string, args ...any) error, cause minio.ErrorResponse, t target) error {
	status := cause.StatusCode
	switch {
	case !t.written:
		return nil
	case cause.Code == "NoSuchBucket":
		return fail(pipeline.CodeNotFound, "check the bucket's name, the endpoint and the region of the release place", "the bucket %q does not exist", t.bucket)
	case cause.Code == "XAmzContentSHA256Mismatch", cause.Code == "BadDigest", cause.Code == "InvalidDigest":
		return fail(pipeline.CodeChanged, "have the source checked again", "%s was not written: its bytes do not have the digest that was approved", t)
	case t.copied && (status == http.StatusPreconditionFailed || status == http.StatusNotFound):
		return fail(pipeline.CodeChanged, "have the source checked again", "%s was not copied: it is no longer the object that was approved", t)
	case status == http.StatusNotFound:
		return fail(pipeline.CodeNotFound, "run the release again", "%s is not there", t)
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return fail(pipeline.CodeDenied, "grant s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and s3:ListBucketMultipartUploads at the release place, and s3:PutObjectTagging for tags",
			"the store refuses to write %s", t)
	}
	return nil
}

// answerError shows the status and code of an answer. The response it unwraps to
// can be found with [errors.As].
type answerError struct{ minio.ErrorResponse }

func (e *answerError) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("status %d", e.StatusCode)
	}
	return fmt.Sprintf("status %d %s", e.StatusCode, e.Code)
}

func (e *answerError) Unwrap() error { return e.ErrorResponse }

// word keeps a code or region that a store sent only if it is one plain word.
func word(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 64 {
		return ""
	}
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("-_.", r) {
			return ""
		}
	}
	return s
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

var errSilent = errors.New("no bytes arrived in time")

// broken turns a failure of the connection into an error. URLs are left out: a
// proxy's may hold a password. ctx is the caller's.
func broken(ctx context.Context, err error, t target) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s was stopped: %w", t.doing(), t, ctx.Err())
	}
	fail := func(code pipeline.Code, hint, how string, cause error) error {
		return &pipeline.Error{Code: code, Message: fmt.Sprintf("%s: %s", t, how), Hint: hint, Err: cause}
	}
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		dns       *net.DNSError
		netErr    net.Error
	)
	switch {
	case errors.As(err, &authority), errors.As(err, &hostname), errors.As(err, &invalid), errors.As(err, &verify):
		return fail(pipeline.CodeProtocol, "check the endpoint's name, or add its authority with SSL_CERT_FILE",
			"the store's certificate is not trusted", nil)
	case errors.As(err, &record):
		return fail(pipeline.CodeProtocol, "check whether the endpoint is http:// or https://", "the store does not speak TLS", nil)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fail(pipeline.CodeProtocol, "try again later", "the body ended early", io.ErrUnexpectedEOF)
	case errors.Is(err, errSilent):
		return fail(pipeline.CodeUnavailable, "try again later", "the store stopped sending", errSilent)
	case errors.As(err, &dns):
		return fail(pipeline.CodeUnavailable, "check the endpoint", "the store's name cannot be resolved", nil)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fail(pipeline.CodeUnavailable, "check the endpoint and its port", "the store refuses connections", syscall.ECONNREFUSED)
	case errors.Is(err, syscall.ECONNRESET):
		return fail(pipeline.CodeUnavailable, "try again later", "the store dropped the connection", syscall.ECONNRESET)
	case errors.As(err, &netErr) && netErr.Timeout():
		return fail(pipeline.CodeUnavailable, "try again later", "the store did not answer in time", errSilent)
	}
	return fail(pipeline.CodeUnavailable, "check the endpoint and the network", "the connection to the store broke", nil)
}
