"""Who sent this? SPF, DKIM, DMARC and ARC as values, and their evaluation. Pure: what DNS said is passed in."""
