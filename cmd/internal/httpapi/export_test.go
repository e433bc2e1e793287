package httpapi

// ParseForm reads a form with one file.
func ParseForm(media string, body []byte) (version int64, name string, file []byte, err error) {
	f, err := parseForm(media, body)
	return f.version, f.name, f.file, err
}

// ReadDeclaration reads what stands for a submission in a body.
func ReadDeclaration(text []byte) error {
	_, err := declaration(text).read()
	return err
}
