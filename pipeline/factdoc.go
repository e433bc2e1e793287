package pipeline

//go:generate go test . -run ^TestFactDocs_ -update

// FactDoc says what a field of a struct of facts is, in plain English on one line. owner
// is the name of the Go type, key the field's name in files; with key "" it says what
// the struct as a whole is. It returns "" where nobody wrote it down.
func FactDoc(owner, key string) string {
	if key == "" {
		return factDocs[owner]
	}
	return factDocs[owner+"."+key]
}
