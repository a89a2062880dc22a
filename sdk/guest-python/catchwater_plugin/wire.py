"""The types of the interface, as the component that is built has them. There are none on the author's own machine."""

from typing import Any

types: Any = None
lifecycle: Any = None
source: Any = None
Err: Any = Exception
"""What is raised so that the host hears a typed failure."""
