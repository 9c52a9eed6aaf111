# The public names, each once: for type checkers and editors, and for __init__.py itself.

from .api.fetcher import URLFetcher as URLFetcher
from .api.session import Session as Session
from .comments import count_comments as count_comments
from .engine import Control as Control
from .engine import watch as watch
from .errors import BadProxy as BadProxy
from .errors import BadStatus as BadStatus
from .errors import BodyTooLarge as BodyTooLarge
from .errors import CertificateInvalid as CertificateInvalid
from .errors import ConnectionFailed as ConnectionFailed
from .errors import FetchError as FetchError
from .errors import FetchLimitExceeded as FetchLimitExceeded
from .errors import FetchTimeout as FetchTimeout
from .errors import HistoryError as HistoryError
from .errors import HNCommentsError as HNCommentsError
from .errors import MalformedItem as MalformedItem
from .errors import NoSuchItem as NoSuchItem
from .errors import NotJSON as NotJSON
from .errors import PollFailed as PollFailed
from .errors import ProxyFailed as ProxyFailed
from .errors import RateLimited as RateLimited
from .errors import RedirectRefused as RedirectRefused
from .errors import ScreenFailed as ScreenFailed
from .errors import StillUnreadable as StillUnreadable
from .errors import TooManyErrors as TooManyErrors
from .models import Comment as Comment
from .models import Count as Count
from .models import Item as Item
from .models import PollReport as PollReport
from .models import PostReport as PostReport
from .models import Progress as Progress
from .models import Settings as Settings
from .settings import BadSetting as BadSetting

__version__: str
