"""Sites: longitude and latitude in headers, and those of observatories that only give their name."""

from __future__ import annotations

from pipelines.instruments.dialects.entry import Key

LONGITUDE = (
    Key("SITELONG", "MaxIm DL, NINA, ACP: degrees east"),
    Key("LONG-OBS", "AstroImageJ, scripts"),
    Key("LONGITUD", "LCO, ING"),
    Key("OBSGEO-L", "FITS 4.0"),
    Key("SITELON", "scripts"),
    Key("GEOLON", "scripts"),
    Key("LON-OBS", "scripts"),
    Key("OBSLON", "scripts"),
    Key("LONG", "scripts"),
    Key("ESO TEL GEOLON", "ESO"),
    Key("OBS-LONG", "CTIO, KPNO: degrees west", "west"),
)
LATITUDE = (
    Key("SITELAT", "MaxIm DL, NINA, ACP"),
    Key("LAT-OBS", "AstroImageJ, scripts"),
    Key("LATITUDE", "LCO, ING"),
    Key("OBSGEO-B", "FITS 4.0"),
    Key("GEOLAT", "scripts"),
    Key("OBSLAT", "scripts"),
    Key("LAT", "scripts"),
    Key("ESO TEL GEOLAT", "ESO"),
    Key("OBS-LAT", "CTIO, KPNO"),
)
GEOCENTRIC = ("OBSGEO-X", "OBSGEO-Y", "OBSGEO-Z")
"""FITS 4.0, metres."""

NAMES = (
    Key("SITEID", "LCO"),
    Key("OBSERVAT", "IRAF"),
    Key("TELESCOP", "FITS standard"),
    Key("INSTRUME", "FITS standard"),
)
"""Keywords whose text may be the name of a place below."""

PLACES: dict[str, tuple[float, float]] = {
    # Longitude east, latitude north, degrees: IRAF's observatory list, LCO's sites, the observatories' own pages.
    **dict.fromkeys(("cpt", "saao", "salt"), (20.81, -32.38)),
    **dict.fromkeys(("coj", "sso", "sidingspring", "aat", "2dfaat", "skymapper"), (149.066, -31.277)),
    **dict.fromkeys(("lsc", "ctio", "ctio40mtelescope", "blanco", "soar", "soartelescope"), (-70.806, -30.169)),
    **dict.fromkeys(("elp", "mcdonald"), (-104.022, 30.671)),
    **dict.fromkeys(("tfn", "teide", "iac80"), (-16.51, 28.30)),
    **dict.fromkeys(("ogg", "haleakala"), (-156.257, 20.708)),
    **dict.fromkeys(("tlv", "wise"), (34.763, 30.596)),
    **dict.fromkeys(("lapalma", "int", "wht", "not", "lt", "livtel", "gtc", "tng", "jkt", "ing"), (-17.88, 28.76)),
    **dict.fromkeys(("kpno", "wiyn", "kittpeak", "kp4m", "bok"), (-111.6, 31.958)),
    **dict.fromkeys(("mmt", "mmto", "whipple"), (-110.885, 31.689)),
    **dict.fromkeys(("lbt", "lbto", "mtgraham"), (-109.889, 32.701)),
    **dict.fromkeys(("apo", "sdss25m", "35m", "apachepoint"), (-105.82, 32.78)),
    **dict.fromkeys(("lick", "shane", "nickel"), (-121.643, 37.341)),
    **dict.fromkeys(("palomar", "p48", "p60", "p200", "hale"), (-116.863, 33.356)),
    **dict.fromkeys(("eso", "lasilla", "esontt", "eso36", "mpi22", "ntt"), (-70.73, -29.26)),
    **dict.fromkeys(("paranal", "esovlt", "esovltu1", "esovltu2", "esovltu3", "esovltu4", "vst", "vista"),
                    (-70.404, -24.627)),
    **dict.fromkeys(("lco", "lascampanas", "magellan", "swope", "dupont", "clay", "baade"), (-70.70, -29.01)),
    **dict.fromkeys(("geminisouth", "gmoss", "flamingos2"), (-70.737, -30.241)),
    **dict.fromkeys(("gemininorth", "gmosn", "niri", "gnirs", "nifs"), (-155.469, 19.824)),
    **dict.fromkeys(("keck", "kecki", "keckii", "keck1", "keck2", "irtf", "nasairtf", "cfht", "cfht36m",
                     "subaru", "ukirt"),
                    (-155.474, 19.826)),
    **dict.fromkeys(("caha", "calaralto", "ca22", "ca35"), (-2.546, 37.224)),
    **dict.fromkeys(("ohp", "hauteprovence"), (5.713, 43.931)),
    **dict.fromkeys(("picdumidi", "tbl"), (0.142, 42.936)),
    **dict.fromkeys(("asiago", "ekar"), (11.569, 45.849)),
    **dict.fromkeys(("dao", "dao12m", "dao18m"), (-123.417, 48.52)),
    **dict.fromkeys(("lowell", "ldt", "dct"), (-111.422, 34.744)),
    **dict.fromkeys(("hct", "iao", "hanle"), (78.964, 32.779)),
    **dict.fromkeys(("lulin", "lot"), (120.873, 23.469)),
    **dict.fromkeys(("xinglong", "lamost"), (117.577, 40.393)),
    **dict.fromkeys(("okayama", "oao"), (133.594, 34.577)),
    **dict.fromkeys(("mtjohn", "mjuo"), (170.465, -43.987)),
}  # fmt: skip
"""By name in lower case, letters and digits only."""

SPACE = frozenset(
    {"jwst", "hst", "spitzer", "chandra", "xmm", "kepler", "tess", "gaia", "swift", "iue", "rosat", "euclid"}
)
"""TELESCOP of what is in space: it has no nights, so the calendar day in UTC stands."""
