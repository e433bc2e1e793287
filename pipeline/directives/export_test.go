package directives

// Fits tells whether a pattern fits a name, both as they are written.
func Fits(pattern, name string) bool { return fits([]rune(fold(pattern)), []rune(fold(name))) }
