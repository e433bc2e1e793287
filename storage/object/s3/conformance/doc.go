// Package conformance runs the object suite through the S3 backend against versitygw,
// a real S3 server that somebody else wrote, serving a folder.
//
// It is a module of its own, because the gateway brings the libraries of every cloud
// with it and none of them belongs into Weighbridge. It needs nothing but Go:
//
//	go test ./...
//
// A file that was not uploaded through the gateway is listed with an empty ETag unless
// it has the extended attribute user.etag. Fixtures set it, and so does this suite;
// the temporary folder therefore has to lie on a file system with extended attributes
// (ext4, XFS, btrfs; a tmpfs only from Linux 6.6 on). Set TMPDIR to choose another.
package conformance
