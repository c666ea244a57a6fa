"""The non-residential rows that prisons have, as data: codes and names are public, how often each occurs is ours."""

from dataclasses import dataclass, field

CLASSROOM = ("APP", "OCCUR", "MOVEMENT", "PROG")
WORKSHOP = ("PROG", "OCCUR", "MOVEMENT", "APP")
VISITING = ("VISIT", "OCCUR", "MOVEMENT")
HEARING = ("OIC", "APP", "OCCUR", "MOVEMENT")
WING_TREE = ("OCCUR", "MOVEMENT", "APP")
PLACE = ("OCCUR", "MOVEMENT")
APPOINTMENT = ("APP", "OCCUR", "MOVEMENT")
PROPERTY = ("PROP",)
OTHER = ("OTHER", "OCCUR")


@dataclass(frozen=True)
class Room:
    """A row, or a numbered series when `most` is set and the code and name have a place for the number."""

    code: str
    type: str
    name: str
    usages: tuple[str, ...]
    share: float = 0.8
    capacity: int | None = None
    fewest: int = 1
    most: int = 0
    unit_type: str | None = None
    inside: tuple["Room", ...] = field(default=())


EDUCATION = Room(
    "EDUC",
    "AREA",
    "EDUCATION",
    CLASSROOM,
    0.97,
    inside=(
        Room("AWCL", "CLAS", "A WING CLASS", CLASSROOM, 0.6, 12),
        Room("ICT", "LOCA", "ICT SUITE", CLASSROOM, 0.7),
        Room("VSKCL", "EXER", "VIRTUAL SKILLS CLASS", CLASSROOM, 0.3),
        Room("CRM{}", "CLAS", "CLASSROOM {}", CLASSROOM, 1.0, 14, fewest=5, most=20),
        Room("3RD SECTOR", "CLAS", "3RD SECTOR AGENCIES", CLASSROOM, 0.3),
        Room("TRN{}", "TRRM", "TRAINING ROOM {}", CLASSROOM, 0.5, 10, fewest=1, most=4),
    ),
)
FAITH = Room(
    "FAITH",
    "AREA",
    "FAITH",
    APPOINTMENT,
    0.9,
    inside=(
        Room("CHAP", "FAIT", "CHAPEL", (*APPOINTMENT, "PROG"), 0.95, 100),
        Room("MFAIT", "AREA", "MULTI FAITH ROOM", APPOINTMENT, 0.8),
        Room("MFGRM", "AREA", "MULTI FAITH GROUP ROOM", APPOINTMENT, 0.6),
    ),
)
GYM = Room(
    "GYM",
    "SPOR",
    "GYMNASIUM",
    WORKSHOP,
    0.95,
    inside=(
        Room("MGYM", "SPOR", "MAIN GYM", WORKSHOP, 0.9, 30),
        Room("WEIGHTS", "SPOR", "WEIGHTS ROOM", WORKSHOP, 0.8, 20),
        Room("5-A-SIDE COM", "SPOR", "5-A-SIDE COMPETITION", WORKSHOP, 0.5, 20),
    ),
)
HEALTHCARE = Room(
    "HCARE",
    "MEDI",
    "HEALTHCARE",
    APPOINTMENT,
    0.95,
    inside=(
        Room("HSP_IN", "MEDI", "HOSPITAL INPATIENTS", APPOINTMENT, 0.7),
        Room("HSP_OUT", "MEDI", "HOSPITAL OUTPATIENTS", APPOINTMENT, 0.8),
        Room("DAYR", "MEDI", "DAY ROOM", APPOINTMENT, 0.5),
        Room("HEXER", "EXER", "HEALTHCARE EXERCISE", PLACE, 0.4),
        Room("SCP", "AREA", "SAFER CUSTODY POINT", PLACE, 0.3),
        Room("CONS{}", "MEDI", "CONSULTING ROOM {}", APPOINTMENT, 0.8, 1, fewest=2, most=6),
    ),
)
ELSEWHERE = Room(
    "OTHER",
    "LOCA",
    "OTHER",
    OTHER,
    0.9,
    inside=(
        Room("ABEX", "SPOR", "A/B EXERCISE YARD", PLACE, 0.8),
        Room("CDEX", "SPOR", "C/D EXERCISE YARD", PLACE, 0.7),
        Room("EXTLOC", "LOCA", "EXTERNAL LOCATION", OTHER, 0.6),
        Room("PRISONERSCEL", "CELL", "PRISONERS CELL", PLACE, 0.8, unit_type="NA"),
        Room("OTHERCELL", "CELL", "OTHER CELL", PLACE, 0.8, unit_type="NA"),
    ),
)
PROGRAMMES = Room(
    "PROG_ACT",
    "AREA",
    "PROGRAMMES & ACTIVITIES",
    WORKSHOP,
    0.95,
    inside=(
        Room("DWLIB", "ROOM", "D WING LIBRARY", WORKSHOP, 0.6, 20),
        Room(
            "RESET",
            "AREA",
            "RESETTLEMENT",
            APPOINTMENT,
            0.8,
            inside=(
                Room("RECBED", "ROOM", "RECOVERY BEDS", APPOINTMENT, 0.5),
                Room("RESET", "ROOM", "RESETTLEMENT ROOM", APPOINTMENT, 0.8),
            ),
        ),
        Room("MDT", "ROOM", "MDT ROOM", APPOINTMENT, 0.8),
        Room("CHAP", "LOCA", "CHAPLAINCY PROGRAMMES", WORKSHOP, 0.5),
        Room("HB6ASSO A", "ASSO", "HB6 ASSOCIATION A", PLACE, 0.15),
    ),
)
WORKSHOPS = Room(
    "WORK_IND",
    "WORK",
    "WORKSHOPS & INDUSTRIES",
    WORKSHOP,
    0.95,
    inside=(
        *(
            Room(
                f"WS{number}",
                "WORK",
                f"WORKSHOP {number}",
                WORKSHOP,
                0.75,
                30,
                inside=(
                    Room("TLR1", "WORK", "TAILORS 1", WORKSHOP, 0.2, 20),
                    Room("TLR2", "WORK", "TAILORS 2", WORKSHOP, 0.2, 20),
                ),
            )
            for number in range(2, 9)
        ),
        Room("KITCH", "WORK", "KITCHEN", WORKSHOP, 0.95, 40),
        Room("RECYC", "WORK", "RECYCLING", WORKSHOP, 0.8, 15),
        Room("LAUN", "WORK", "LAUNDRY", WORKSHOP, 0.8, 15),
        Room("CES", "STOR", "CLOTHING EXCHANGE STORE", WORKSHOP, 0.8, 10),
    ),
)
RETURN_TO_UNIT = Room("RTU", "RTU", "RETURN TO UNIT", PLACE, 0.8)
RECEPTION = Room(
    "RECEP",
    "ROOM",
    "RECEPTION",
    APPOINTMENT,
    0.9,
    inside=(
        Room("VID_LNK", "ROOM", "VIDEO LINK", APPOINTMENT, 0.6, 1),
        Room("VCC{}", "VIDE", "VIDEO CONFERENCE {}", APPOINTMENT, 0.6, 1, fewest=1, most=4),
        Room("REREA", "AREA", "RECEPTION REAR AREA", PLACE, 0.5),
    ),
)
VISITS_INSIDE = (
    Room("OFF_VIS", "VISIT", "OFFICIAL VISITS", VISITING, 0.9, 10),
    Room(
        "CLO_VIS",
        "VISIT",
        "CLOSED VISITS",
        VISITING,
        0.8,
        4,
        inside=(Room("BOOTH{}", "BOOT", "BOOTH {}", VISITING, 0.9, 1, fewest=2, most=6),),
    ),
    Room("HC_VIS", "VISIT", "HEALTHCARE VISITS", VISITING, 0.4, 2),
    Room("SEG_VIS", "VISIT", "SEGREGATION VISITS", VISITING, 0.4, 1),
    Room("NEW_ LEG_VIS", "VISIT", "NEW LEGAL VISITS", VISITING, 0.2, 6),
)
PROGRAMME_AREAS = (EDUCATION, FAITH, GYM, HEALTHCARE, ELSEWHERE, PROGRAMMES)
AFTER_VISITS = (WORKSHOPS, RETURN_TO_UNIT, RECEPTION)

# What hangs below a wing's programme tree, and below segregation's.
WING_ROOMS = (
    Room("INT{}", "INTE", "INTERVIEW ROOM {}", APPOINTMENT, 0.9, 2, fewest=1, most=3),
    Room("CLS", "CLAS", "CLASSROOM", CLASSROOM, 0.5, 10),
    Room("ASSOC", "ASSO", "ASSOCIATION", WING_TREE, 0.7),
    Room("OFF{}", "OFFI", "OFFICE {}", PLACE, 0.6, fewest=1, most=2),
    Room("RM", "ROOM", "ROOM", WING_TREE, 0.4),
)
SEGREGATION_ROOMS = (
    Room("ADJR", "ADJU", "ADJUDICATION ROOM", HEARING, 1.0),
    Room("SINT", "INTE", "SEGREGATION INTERVIEW", APPOINTMENT, 0.8),
    Room("HOLR", "HCEL", "HOLDING ROOM", PLACE, 0.7),
)
