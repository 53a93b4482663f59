//! The CSV import (PRODUCT 3.6).
