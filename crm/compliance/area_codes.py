"""Area codes of the states that have hours of their own for texts that sell (LAW-21, LAW-23).

Numbers are portable, so a code is evidence, not truth; Florida and Oklahoma presume that it tells
where somebody lives. A test compares these lists with those of `phonenumbers`.
"""

from collections.abc import Mapping

_CODES = {
    "CT": "203 475 860 959",
    "FL": "239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904"
    " 941 954",
    "MD": "227 240 301 410 443 667",
    "MS": "228 471 601 662 769",
    "NJ": "201 551 609 640 732 848 856 862 908 973",
    "OK": "405 539 572 580 918",
    "OR": "458 503 541 971",
    "RI": "401",
    "TX": "210 214 254 281 325 346 361 409 430 432 469 512 621 682 713 726 737 806 817 830 832"
    " 903 915 936 940 945 956 972 979",
    "WA": "206 253 360 425 509 564",
}

STATES_OF: Mapping[str, tuple[str, ...]] = {
    code: (state,) for state, codes in _CODES.items() for code in codes.split()
}
"""The states that an area code speaks for."""
