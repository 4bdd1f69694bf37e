"""A new schedule is its maker in the core and one line in the Schedules tab's table."""

import pytest
import torch

from diffusion_core.schedule import SCHEDULES, make_schedule
from tabs.schedules.compute import PARAMETERS, parameters
from tabs.schedules.form import DRAWN, NAMES, ScheduleForm
from tabs.train import form


def test_every_menu_lists_what_the_core_makes():
    assert NAMES == (*SCHEDULES, DRAWN)
    assert sorted(form.SCHEDULES) == sorted(SCHEDULES) and form.SCHEDULES[0] == "cosine"
    assert {*PARAMETERS} <= {*SCHEDULES}


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_table_gives_a_schedule_the_parameters_that_it_takes(name):
    """With the tab's defaults, which are the core's own."""
    made = make_schedule(name, 50, **parameters(ScheduleForm(), name))
    assert torch.equal(made.betas, make_schedule(name, 50).betas)
    for parameter in {p for each in PARAMETERS.values() for p in each} - {*PARAMETERS[name]}:
        with pytest.raises(ValueError, match="has no parameter"):
            make_schedule(name, 50, **{parameter: getattr(ScheduleForm(), parameter)})
