"""Upkeep: prove that an archive is whole, mend it, rebuild it, copy it, bring it to this release, free its room."""
