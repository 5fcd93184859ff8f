"""VAT numbers that drivers type in at stations: right in form and check digit, or not. Asks no register."""

from stdnum.ch import vat as swiss
from stdnum.eu import vat as european
from stdnum.gb import vat as british
from stdnum.no import mva as norwegian


def is_well_formed(number: str) -> bool:
    """Does `number`, with its country's prefix, look like a VAT number of the EU, Britain, Norway, Switzerland?"""
    text = number.strip().upper()
    if text.startswith("GB"):
        return bool(british.is_valid(text))
    if text.startswith("CHE"):
        return bool(swiss.is_valid(text)) or bool(swiss.is_valid(f"{text}MWST"))
    if text.startswith("NO"):
        return bool(norwegian.is_valid(text)) or bool(norwegian.is_valid(f"{text}MVA"))
    return bool(european.is_valid(text))
