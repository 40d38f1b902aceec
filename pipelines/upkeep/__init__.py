"""Upkeep: prove that an archive is whole, repair it, rebuild it, copy it, bring it to this release, free its room."""
