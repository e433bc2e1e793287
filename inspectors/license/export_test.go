package license

import "weighbridge/pipeline"

// ManifestRecords reads the manifest of that name, for tests.
func ManifestRecords(name string, text []byte) []pipeline.LicenseRecord {
	parse := manifestOf(name)
	if parse == nil {
		return nil
	}
	return manifestRecords(name, parse(text))
}
